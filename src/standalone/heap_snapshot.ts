import { checkText } from "../core/values/options.ts";
import { writeWhole } from "../profile/whole_file.ts";
import { getHost } from "../platform/mod.ts";

/**
 * Writes all that this process holds in memory, and what holds it there, as a `.heapsnapshot` for Chrome's developer tools; returns how many
 * bytes that were. The process stands still while it is made. The file holds secrets too, so it is readable for its owner only.
 *
 * @example A picture of the heap
 * ```ts
 * import { writeHeapSnapshot } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 * import { mkdtempSync, rmSync } from "node:fs";
 * import { tmpdir } from "node:os";
 *
 * const folder = mkdtempSync(`${tmpdir()}/profile-`);
 * assert.ok(await writeHeapSnapshot(`${folder}/now.heapsnapshot`) > 1_000);
 * rmSync(folder, { recursive: true });
 * ```
 *
 * @throws {ProfilingError} if the runtime refuses; the promise rejects with it.
 * @throws {IoError} if the file can't be written; the promise rejects with it.
 */
export async function writeHeapSnapshot(path: string): Promise<number> {
  checkText("write the heap", "path", path);
  const { profiler, files } = await getHost();
  return await writeWhole(files, path, async (onPiece) => {
    for await (const piece of profiler.heap()) onPiece(piece);
  });
}
