import { Config, type Context, Daemon, SignalConfig } from "../mod.ts";

const OBJECTS = 10_000;
const REPEATS = 5;

/** Heap that one object keeps alive. */
export interface MemoryFigure {
  /** The objects that are kept. */
  name: string;
  /** Bytes for each. */
  bytes: number;
  /** Our target. */
  targetBytes: number;
}

const work = (context: Context) => context.cancelled();

/** Measures the heap difference of 10,000 live objects after a collection, as the median of 5. */
export async function measureMemory(): Promise<MemoryFigure[]> {
  const collect = await collector();
  const heapBytes = async () => {
    for (let pass = 0; pass < 3; pass++) await collect();
    return await usedHeap();
  };
  const perObject = async (make: (index: number) => unknown): Promise<number> => {
    const figures: number[] = [];
    for (let repeat = 0; repeat < REPEATS; repeat++) {
      const before = await heapBytes();
      const kept = Array.from({ length: OBJECTS }, (_, index) => make(index));
      figures.push((await heapBytes() - before) / kept.length);
      // Let go of them now: a kept reference would hide them from the next difference.
      kept.length = 0;
    }
    return figures.sort((a, b) => a - b)[Math.floor(REPEATS / 2)];
  };
  const daemonBytes = await perObject(() => Daemon.builder().withoutSignals().build());
  const taskBytes = await perObject(() => Daemon.builder().withTask("one", work).withoutSignals().build()) - daemonBytes;
  return [
    { name: "daemon", bytes: daemonBytes, targetBytes: 1_024 },
    { name: "registered subsystem", bytes: taskBytes, targetBytes: 1_024 },
    { name: "running subsystem", bytes: await runningSubsystem(heapBytes), targetBytes: 1_200 },
    {
      name: "config",
      bytes: await perObject((index) => Config.builder().name(`bench-${index}`).workerThreads(4).shutdownTimeout(2_000).build()),
      targetBytes: 1_024,
    },
    { name: "signal handling", bytes: await perObject(() => new SignalConfig()), targetBytes: 1_024 },
  ];
}

/** One daemon that runs 10,000 tasks, against one that runs one. */
async function runningSubsystem(heapBytes: () => Promise<number>): Promise<number> {
  const before = await heapBytes();
  await using daemon = Daemon.builder().withTask("first", work).withoutSignals().build();
  await daemon.start();
  for (let index = 0; index < OBJECTS; index++) daemon.add({ name: `task-${index}`, run: work });
  // They start in several turns of the event loop.
  while (daemon.getStats().states.running !== OBJECTS + 1) await new Promise((resolve) => setTimeout(resolve, 1));
  return (await heapBytes() - before) / OBJECTS;
}

/**
 * Function that collects garbage in a new turn of the event loop: what a WeakRef was asked for is held until the present one ends, in which a
 * loop of nothing but settled promises may go on for long.
 */
export async function collector(): Promise<() => Promise<void>> {
  const gc = await gcOfRuntime();
  return async () => {
    await new Promise((resolve) => setTimeout(resolve, 0));
    gc();
  };
}

async function gcOfRuntime(): Promise<() => void> {
  if ("Bun" in globalThis) return (await import("bun:jsc" as string)).gcAndSweep;
  const { setFlagsFromString } = await import("node:v8");
  setFlagsFromString("--expose-gc");
  const { runInNewContext } = await import("node:vm");
  return runInNewContext("gc");
}

/** Bytes of the heap in use. */
export async function usedHeap(): Promise<number> {
  if ("Bun" in globalThis) {
    const { heapStats } = await import("bun:jsc" as string);
    return heapStats().heapSize;
  }
  const { memoryUsage } = await import("node:process");
  return memoryUsage().heapUsed;
}
