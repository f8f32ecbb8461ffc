/**
 * How the supervisor grows: each row for as many units as the arguments say (1,000, 10,000 and 50,000 by default), with the longest time for
 * which nothing else of the program had its turn.
 */
import process from "node:process";
import { type Context, Daemon, type DaemonBuilder, RestartPolicy } from "../mod.ts";

const sizes = process.argv.slice(2).map(Number);
if (sizes.length === 0) sizes.push(1_000, 10_000, 50_000);

const work = (context: Context) => context.cancelled();
const manual = (context: Context) => {
  context.ready();
  return context.cancelled();
};
const name = (index: number) => `u${index}`;

/** Milliseconds of a piece of work, and the longest of them without a turn for anybody else. */
async function timed(fn: () => unknown): Promise<{ ms: number; longestMs: number }> {
  const beganMs = performance.now();
  let lastMs = beganMs;
  let longestMs = 0;
  const look = () => {
    const nowMs = performance.now();
    longestMs = Math.max(longestMs, nowMs - lastMs);
    lastMs = nowMs;
  };
  const timer = setInterval(look, 0);
  await fn();
  const ms = performance.now() - beganMs;
  look();
  clearInterval(timer);
  return { ms, longestMs };
}

function built(size: number, add: (builder: DaemonBuilder, index: number) => void): Daemon {
  const builder = Daemon.builder().withoutSignals();
  for (let index = 0; index < size; index++) add(builder, index);
  return builder.build();
}

async function ended(daemon: Daemon): Promise<void> {
  daemon.shutdown();
  await daemon.wait();
}

/** Prints the rows of a daemon's start and of its stop. */
async function startStop(title: string, size: number, add: (builder: DaemonBuilder, index: number) => void): Promise<void> {
  const daemon = built(size, add);
  print(`${title}: start`, size, await timed(() => daemon.start()));
  print(`${title}: stop`, size, await timed(() => ended(daemon)));
}

function print(title: string, size: number, { ms, longestMs }: { ms: number; longestMs: number }): void {
  console.log(`${title.padEnd(44)} ${String(size).padStart(7)} ${ms.toFixed(0).padStart(8)} ms ${longestMs.toFixed(0).padStart(8)} ms`);
}

console.log(
  `${"Deno" in globalThis ? "deno" : "bun"}\n${"".padEnd(44)} ${"units".padStart(7)} ${"took".padStart(11)} ${"longest".padStart(11)}`,
);
for (const size of sizes) {
  const nothing = { after: [] };
  await startStop("no edges", size, (builder, index) => builder.withTask(name(index), work));
  await startStop("manual readiness", size, (builder, index) => builder.withTask(name(index), manual, { readiness: "manual" }));
  await startStop("a chain", size, (builder, index) => {
    builder.withTask(name(index), work, index === 0 ? nothing : { after: [name(index - 1)] });
  });
  await startStop(
    "all after one",
    size,
    (builder, index) => builder.withTask(name(index), work, index === 0 ? nothing : { after: [name(0)] }),
  );
  await startStop("4 tiers, each after 10 below", size, (builder, index) => {
    const tier = Math.floor(index / (size / 4));
    const below = (tier - 1) * Math.floor(size / 4);
    const after = tier === 0 ? [] : Array.from({ length: 10 }, (_, edge) => name(below + (index + edge) % Math.floor(size / 4)));
    builder.withTask(name(index), work, { after });
  });
  await startStop("one that stops last", size, (builder, index) => builder.withTask(name(index), work, { stopLast: index === 0 }));

  const crashing = Promise.withResolvers<void>();
  const crash = async (context: Context) => {
    if (context.run === 1) {
      await crashing.promise;
      throw new Error("boom");
    }
    await context.cancelled();
  };
  const restart = RestartPolicy.onFailure({ delay: 1 });
  const crashed = built(size, (builder, index) => builder.withTask(name(index), crash, { restart }));
  let running = 0;
  const again = Promise.withResolvers<void>();
  await crashed.start();
  using _listening = crashed.bus.on("event", (event) => {
    if (event.type === "subsystem.state" && event.to === "running" && ++running === size) again.resolve();
  });
  print("all crash, with a listener: until all are back", size, await timed(() => (crashing.resolve(), again.promise)));
  await ended(crashed);

  const group = Daemon.builder().withoutSignals().withSupervisor("g", { strategy: "oneForAll" }, (children) => {
    for (let index = 0; index < size; index++) children.withTask(name(index), work);
  }).build();
  print("a group, oneForAll: start", size, await timed(() => group.start()));
  print("a group, oneForAll: stop", size, await timed(() => ended(group)));

  print("builder", size, await timed(() => built(size, (builder, index) => builder.withTask(name(index), work))));
  const registered = await built(1, (builder) => builder.withTask("first", work)).start();
  print(
    "register",
    size,
    await timed(() => {
      for (let index = 0; index < size; index++) registered.add({ name: name(index), run: work });
    }),
  );
  print("one command among them", size, await timed(() => registered.operations.stop([name(size >> 1)], {})));
  await ended(registered);
}
