import { messageOf } from "../core/values/errors.ts";
import { libcNames } from "./libc_names.ts";
import { LIBC_SYMBOLS, type LibcCalls, libcCalls, LIST_SYMBOLS, type RawLibcCalls } from "./libc_calls.ts";

/** Loads the calls that Deno itself has no interface for, or says why not: without `--allow-ffi`, which it never asks for, there are none. */
export function loadLibcCallsOnDeno(): LibcCalls | string {
  if (Deno.build.os !== "linux") return "the system has no such thing";
  if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") return "it has no permission to call the C library (--allow-ffi)";
  let last: unknown;
  for (const name of libcNames()) {
    try {
      const [plain, list] = [Deno.dlopen(name, LIBC_SYMBOLS), Deno.dlopen(name, LIST_SYMBOLS)];
      return libcCalls({ plain: plain.symbols, list: list.symbols } as RawLibcCalls, () => {
        plain.close();
        list.close();
      });
    } catch (error) {
      last = error;
    }
  }
  return messageOf(last);
}
