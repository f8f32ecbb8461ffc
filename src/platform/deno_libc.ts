import { messageOf } from "../core/errors.ts";
import { libcNames } from "./libc_names.ts";
import { ORPHAN_SYMBOLS, type OrphanCalls, orphanCalls, type RawOrphanCalls } from "./orphan_calls.ts";

/** Loads the calls that care for orphans, or says why not: without `--allow-ffi`, which is never asked for on a terminal, there are none. */
export function loadOrphanCalls(): OrphanCalls | string {
  if (Deno.build.os !== "linux") return "the system has no such thing";
  if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") return "it has no permission to call the C library (--allow-ffi)";
  let last: unknown;
  for (const name of libcNames()) {
    try {
      const library = Deno.dlopen(name, ORPHAN_SYMBOLS);
      return orphanCalls(library.symbols as RawOrphanCalls, () => library.close());
    } catch (error) {
      last = error;
    }
  }
  return messageOf(last);
}
