/** A recording of where the time goes. */
export interface CpuRecording {
  /** Ends it and resolves with the text of a `.cpuprofile`; a second call gives the same. */
  stop(): Promise<string>;
}

/** Looks at what this process spends its time and memory on, in the formats of Chrome's developer tools. */
export interface Profiler {
  /** Begins to look at the stack each millisecond; the recording has to be stopped before the next one. Fails with `PROFILING_FAILED`. */
  startCpu(): Promise<CpuRecording>;
  /**
   * A `.heapsnapshot`: everything on the heap, texts and secrets included, and what holds it there. The process stands still while it is
   * made. Fails with `PROFILING_FAILED`.
   */
  heap(): ReadableStream<Uint8Array>;
}

/** Longest recording in seconds: it takes memory for every millisecond. */
export const MAX_PROFILE_SECONDS = 300;
