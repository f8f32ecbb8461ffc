import fs from "node:fs";
import process from "node:process";
import type { Env } from "../core/ports/env.ts";

/**
 * The environment of this process, the same on both runtimes: what is no UTF-8 counts as not set. Bun would hand it on with other bytes in
 * it, so that a folder lies elsewhere, and Deno throws.
 */
export function createEnv(): Env {
  let names: readonly string[] | undefined;
  const broken = () => names ??= brokenNames();
  return {
    get: (name) => variable(name, broken),
    all() {
      const variables = { ...process.env } as Record<string, string>;
      for (const name of broken()) delete variables[name];
      return variables;
    },
    broken,
  };
}

/** Reads one variable of this process; what is no UTF-8 counts as not set. */
export function variable(name: string, broken: () => readonly string[] = brokenNames): string | undefined {
  let value: string | undefined;
  try {
    value = process.env[name];
  } catch {
    return undefined; // Deno says so of what is no UTF-8
  }
  return value?.includes(REPLACEMENT) && broken().includes(name) ? undefined : value;
}

/** Stands for bytes that are no character. */
export const REPLACEMENT = "\ufffd";

/** As this process was started; nobody sets such a variable from inside. */
function brokenNames(): string[] {
  let bytes: Uint8Array;
  try {
    bytes = fs.readFileSync("/proc/self/environ");
  } catch {
    return []; // other systems, or a program without the right to look: the runtime's own view is all that there is
  }
  const found: string[] = [];
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(0, start);
    const entry = bytes.subarray(start, end === -1 ? bytes.length : end);
    if (!isUtf8(entry)) found.push(new TextDecoder().decode(entry.subarray(0, Math.max(0, entry.indexOf(0x3d)))));
    start += entry.length + 1;
  }
  return found;
}

function isUtf8(bytes: Uint8Array): boolean {
  if (bytes.every((byte) => byte < 0x80)) return true;
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}
