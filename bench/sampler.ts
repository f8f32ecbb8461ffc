/** How long the body is run before anything is measured. */
const WARM_UP_MS = 3_000;
const SAMPLES = 100;
/** Shortest time of a sample: far above the clock's resolution. */
const SAMPLE_MS = 2;

/** The times that were measured, in nanoseconds for one run of the body. */
export interface Measurement {
  /** Name of the metric. */
  name: string;
  /** Runs of the body in each sample. */
  runsPerSample: number;
  /** Middle of all samples. */
  medianNs: number;
  /** Fastest sample. */
  minNs: number;
  /** Slowest sample. */
  maxNs: number;
  /** 95 of 100 samples are at most this. */
  p95Ns: number;
  /** Every sample, in the order in which it was taken. */
  samplesNs: number[];
}

/** Keeps results alive, so that no body is optimised away. */
let sink: unknown;

/** Runs a body often enough to be measured, 100 times over. */
export async function measure(name: string, body: () => unknown, isAsync: boolean, warmUpMs: number = WARM_UP_MS): Promise<Measurement> {
  const batch = isAsync
    ? async (runs: number) => {
      for (let run = 0; run < runs; run++) sink = await body();
    }
    : (runs: number) => {
      for (let run = 0; run < runs; run++) sink = body();
    };
  let runsPerSample = 1;
  const warmUntil = performance.now() + warmUpMs;
  while (performance.now() < warmUntil) {
    const startMs = performance.now();
    await batch(runsPerSample);
    const tookMs = performance.now() - startMs;
    if (tookMs < SAMPLE_MS) runsPerSample = Math.ceil(runsPerSample * Math.min(10, Math.max(1.2, SAMPLE_MS / Math.max(tookMs, 0.01))));
  }
  const samplesNs: number[] = [];
  for (let sample = 0; sample < SAMPLES; sample++) {
    const startMs = performance.now();
    await batch(runsPerSample);
    samplesNs.push((performance.now() - startMs) * 1e6 / runsPerSample);
  }
  const sorted = [...samplesNs].sort((a, b) => a - b);
  return {
    name,
    runsPerSample,
    medianNs: sorted[SAMPLES / 2],
    minNs: sorted[0],
    maxNs: sorted[SAMPLES - 1],
    p95Ns: sorted[Math.floor(SAMPLES * 0.95)],
    samplesNs,
  };
}

/** The value in the sink; reading it keeps it from being seen as dead. */
export function lastResult(): unknown {
  return sink;
}

/** Nanoseconds for a person. */
export function formatNs(ns: number): string {
  if (ns < 1_000) return `${ns.toFixed(1)} ns`;
  return ns < 1e6 ? `${(ns / 1e3).toFixed(2)} µs` : `${(ns / 1e6).toFixed(2)} ms`;
}
