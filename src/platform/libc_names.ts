import process from "node:process";

/** Under which names the C library of this system may be found: glibc's, then musl's, whose loader is the library too. */
export function libcNames(): string[] {
  if (process.platform !== "linux") return ["libSystem.B.dylib"];
  const machine = process.arch === "arm64" ? "aarch64" : "x86_64";
  return ["libc.so.6", `libc.musl-${machine}.so.1`, `/lib/ld-musl-${machine}.so.1`];
}
