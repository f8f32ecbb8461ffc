import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A folder of its own that is gone at the end of the block. */
export function tempDir(): Disposable & { path: string } {
  // Short, because the path of a socket may have 107 bytes at most.
  const path = realpathSync(mkdtempSync(join(tmpdir(), "dk-")));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}
