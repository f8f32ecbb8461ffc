import type { CpuRecording } from "../core/ports/profiler.ts";
import type { Files } from "../core/ports/files.ts";
import { ProfilingError } from "../core/values/errors.ts";
import { checkText } from "../core/values/options.ts";
import { getHost } from "../platform/mod.ts";
import { writeWhole } from "../profile/whole_file.ts";
import { cpuProfileAs } from "../profile/formats.ts";

/**
 * A recording of where this process spends its time: the stack is looked at each millisecond.
 *
 * - One recording at a time. A recording that was begun with a path and is disposed before its end is written to that path.
 *
 * @example A recording of some work, as a flame graph
 * ```ts
 * import { CpuProfiler } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 * import { mkdtempSync, readFileSync, rmSync } from "node:fs";
 * import { tmpdir } from "node:os";
 *
 * const folder = mkdtempSync(`${tmpdir()}/profile-`);
 * const profiler = await CpuProfiler.start();
 * for (let sum = 0, index = 0; index < 1e6; index++) sum += Math.sqrt(index);
 * await profiler.stopToFile(`${folder}/cpu.svg`);
 * assert.match(readFileSync(`${folder}/cpu.svg`, "utf8"), /^<svg /);
 * rmSync(folder, { recursive: true });
 * ```
 */
export class CpuProfiler implements AsyncDisposable {
  readonly #recording: CpuRecording;
  readonly #files: Files;
  #path: string | undefined;
  #hasEnded = false;

  private constructor(recording: CpuRecording, files: Files, path: string | undefined) {
    this.#recording = recording;
    this.#files = files;
    this.#path = path;
  }

  /**
   * Begins to record. `path` is written when the recording is disposed before {@linkcode CpuProfiler.stopToFile}.
   *
   * @throws {ProfilingError} if another recording is under way, or the runtime refuses; the promise rejects with it.
   */
  static async start(path?: string): Promise<CpuProfiler> {
    if (path !== undefined) checkText("record where time goes", "path", path);
    const { profiler, files } = await getHost();
    return new CpuProfiler(await profiler.startCpu(), files, path);
  }

  /**
   * Ends the recording and writes it, readable for its owner only: a flame graph where the name ends in `.svg`, for `go tool pprof` where it
   * ends in `.pb.gz` or `.pprof`, otherwise a `.cpuprofile` for Chrome's developer tools.
   *
   * @throws {ProfilingError} if it has ended already; the promise rejects with it.
   * @throws {IoError} if the file can't be written; the promise rejects with it.
   */
  async stopToFile(path: string): Promise<void> {
    checkText("write the profile", "path", path);
    if (this.#hasEnded) throw new ProfilingError("PROFILING_FAILED", "Cannot write the profile as this recording has ended");
    this.#hasEnded = true;
    this.#path = undefined;
    const bytes = await cpuProfileAs(path, await this.#recording.stop(), "CPU");
    await writeWhole(this.#files, path, (onPiece) => Promise.resolve(onPiece(bytes)));
  }

  /** Ends the recording, and writes it where a path was given at its start. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#hasEnded) return;
    if (this.#path !== undefined) return await this.stopToFile(this.#path);
    this.#hasEnded = true;
    await this.#recording.stop();
  }
}
