import { ProfilingError } from "../core/values/errors.ts";
import type { CpuRecording, Profiler } from "../core/ports/profiler.ts";

/**
 * A profiler whose profiles are made up, with faults on order.
 *
 * @example A recording that is under way, and a runtime that refuses
 * ```ts
 * import { FakeProfiler } from "@daemonkit/daemonkit/testing";
 * import assert from "node:assert/strict";
 *
 * const profiler = new FakeProfiler();
 * const recording = await profiler.startCpu();
 * assert.equal(profiler.recordings, 1);
 * assert.deepEqual(JSON.parse(await recording.stop()), { nodes: [] });
 * assert.equal(profiler.recordings, 0);
 * profiler.fail();
 * await assert.rejects(profiler.startCpu(), { code: "PROFILING_FAILED" });
 * ```
 */
export class FakeProfiler implements Profiler {
  /** Recordings that are under way. */
  recordings = 0;
  /** Result of a recording. */
  cpuText = '{"nodes":[]}';
  /** The pieces of a picture of the heap. */
  heapPieces: readonly string[] = ['{"snapshot":', "{}}"];
  #failures = 0;

  /** Lets the next `times` profiles fail: a recording at its start, a picture after its first piece. */
  fail(times: number = 1): void {
    this.#failures = times;
  }

  /** Begins a recording. */
  startCpu(): Promise<CpuRecording> {
    return Promise.try(() => {
      this.#failOnOrder();
      if (this.recordings > 0) throw new ProfilingError("PROFILING_FAILED", "Cannot record as another recording is under way");
      this.recordings++;
      let stopped: Promise<string> | undefined;
      const stop = () => {
        this.recordings--;
        return Promise.resolve(this.cpuText);
      };
      return { stop: () => stopped ??= stop() };
    });
  }

  /** Hands over the pieces. */
  heap(): ReadableStream<Uint8Array> {
    const pieces = this.heapPieces.values();
    let count = 0;
    return new ReadableStream({
      pull: (controller) => {
        if (count++ > 0) this.#failOnOrder();
        const { done, value } = pieces.next();
        if (done) controller.close();
        else controller.enqueue(new TextEncoder().encode(value));
      },
    }, { highWaterMark: 0 });
  }

  #failOnOrder(): void {
    if (this.#failures === 0) return;
    this.#failures--;
    throw new ProfilingError("PROFILING_FAILED", "Cannot profile as the test wants it so");
  }
}
