/**
 * The machine as seen through Deno or Bun. This folder is the only one that talks to a runtime, and this file the only one that asks which
 * runtime it is.
 *
 * @module
 */
import type { Host } from "../core/ports/host.ts";

/** The host of the running process; only the files for its runtime are loaded. */
export async function getHost(): Promise<Host> {
  if ("Bun" in globalThis) return (await import("./host_bun.ts")).createBunHost();
  return (await import("./host_deno.ts")).createDenoHost();
}
