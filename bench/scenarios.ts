import assert from "node:assert/strict";
import { Config, type Context, Daemon, DaemonError, IoError } from "../mod.ts";

/** One thing that is measured, together with the proof that it does what its name says. */
export interface Scenario {
  /** Name of the metric. */
  name: string;
  /** The time that the seed's Criterion bench measured on its machine, in nanoseconds; undefined where it has no such bench. */
  seedNs: number | undefined;
  /** Our target, in nanoseconds. */
  targetNs: number;
  /** Shows, outside the timed region, that the object is real. */
  prove(): void | Promise<void>;
  /** The timed body; its result is kept, so that nothing is optimised away. */
  run(): unknown;
  /** Whether the body must be awaited. */
  isAsync: boolean;
}

const config = Config.default();
const stopped = (context: Context) => context.cancelled();
const noop = () => {};

function subsystem(name: string): { name: string; run: (context: Context) => Promise<void> } {
  return { name, run: stopped };
}

const build1 = (): Daemon => Daemon.builder(config).withTask("main", noop).withoutSignals().build();

/** The six headline metrics, with the same observable work as the seed's benches. */
export const HEADLINES: readonly Scenario[] = [
  {
    name: "daemon creation",
    seedNs: 2_140,
    targetNs: 200,
    isAsync: false,
    run: () => Daemon.builder(Config.default()).withoutSignals().build(),
    prove: async () => {
      const daemon = Daemon.builder(Config.default()).withTask("main", stopped).withoutSignals().build();
      await daemon.start();
      assert.ok(daemon.isRunning());
      daemon.shutdown();
      assert.equal((await daemon.wait()).exitCode, 0);
    },
  },
  {
    name: "subsystem registration (3 tasks)",
    seedNs: 3_760,
    targetNs: 300,
    isAsync: false,
    run: () =>
      Daemon.builder(Config.default()).withTask("one", noop).withTask("two", noop).withTask("three", noop).withoutSignals().build(),
    prove: async () => {
      const daemon = Daemon.builder().withTask("one", stopped).withTask("two", stopped).withTask("three", stopped).build();
      await daemon.start();
      assert.deepEqual(daemon.subsystems().map(({ name, state, run }) => [name, state, run]), [
        ["one", "running", 1],
        ["two", "running", 1],
        ["three", "running", 1],
      ]);
      daemon.shutdown();
      await daemon.wait();
    },
  },
  {
    name: "config build",
    seedNs: 80.6,
    targetNs: 40,
    isAsync: false,
    run: () => Config.builder().name("bench").workerThreads(4).shutdownTimeout(2_000).forceTimeout(5_000).build(),
    prove: () => {
      const built = Config.builder().name("bench").workerThreads(4).shutdownTimeout(2_000).forceTimeout(5_000).build();
      assert.deepEqual([built.name, built.performance.workerThreads, built.shutdown.timeoutMs, built.shutdown.forceTimeoutMs], [
        "bench",
        4,
        2_000,
        5_000,
      ]);
      assert.throws(() => Config.builder().shutdownTimeout(5_000).forceTimeout(5_000).build());
    },
  },
  {
    name: "shutdown coordination (1 task)",
    seedNs: 2_870,
    targetNs: 200,
    isAsync: false,
    run: () => {
      const daemon = build1();
      daemon.shutdown();
      return daemon;
    },
    prove: async () => {
      const daemon = build1();
      const cancelled = daemon.cancelled();
      assert.ok(daemon.shutdown("bench"));
      assert.ok(!daemon.shutdown("again"));
      assert.equal(daemon.shutdownReason, "bench");
      assert.ok(Math.abs(Date.now() - daemon.shutdownTime!) < 60_000);
      await cancelled;
    },
  },
  {
    name: "error creation",
    seedNs: 31.2,
    targetNs: 15,
    isAsync: false,
    run: () => new DaemonError("CONFIG_INVALID", "Cannot load as the port is no number"),
    prove: () => {
      const error = new DaemonError("CONFIG_INVALID", "Cannot load as the port is no number");
      assert.ok(error instanceof Error);
      assert.equal(error.category, "config");
      assert.equal(error.number, 1000);
    },
  },
  {
    name: "error chain (depth 2)",
    seedNs: 137,
    targetNs: 25,
    isAsync: false,
    run: () => new DaemonError("CONFIG_INVALID", "Cannot load", { cause: new IoError("IO_NOT_FOUND", "Cannot read the file") }),
    prove: () => {
      const error = DaemonError.wrap(new IoError("IO_NOT_FOUND", "Cannot read the file"), "CONFIG_INVALID", "Cannot load");
      assert.deepEqual(error.chain().map(({ name, code }) => [name, code]), [["DaemonError", "CONFIG_INVALID"], [
        "IoError",
        "IO_NOT_FOUND",
      ]]);
    },
  },
];

const FILE_4K = sampleToml(4_096);

/** Work that a daemon really does, beside the headlines: the seed's benches never run one. */
export const TWINS: readonly Scenario[] = [
  {
    name: "start 1 task, stop, report",
    seedNs: undefined,
    targetNs: 2_000,
    isAsync: true,
    run: async () => {
      const daemon = Daemon.builder(config).withTask("main", stopped).withoutSignals().build();
      await daemon.start();
      daemon.shutdown();
      return await daemon.wait();
    },
    prove: async () => {
      const daemon = Daemon.builder(config).withTask("main", stopped).withoutSignals().build();
      await daemon.start();
      daemon.shutdown();
      const report = await daemon.wait();
      assert.deepEqual([report.exitCode, report.errors.length, report.unstopped.length], [0, 0, 0]);
    },
  },
  {
    name: "register, start, stop 3 subsystems",
    seedNs: undefined,
    targetNs: 10_000,
    isAsync: true,
    run: async () => {
      const daemon = Daemon.builder(config).withSubsystem(subsystem("one")).withSubsystem(subsystem("two")).withSubsystem(
        subsystem("three"),
      ).build();
      await daemon.start();
      daemon.shutdown();
      return await daemon.wait();
    },
    prove: async () => {
      const daemon = Daemon.builder(config).withSubsystem(subsystem("one")).build();
      await daemon.start();
      daemon.shutdown();
      assert.equal((await daemon.wait()).exitCode, 0);
    },
  },
  {
    name: "error thrown, caught, formatted",
    seedNs: undefined,
    targetNs: 1_500,
    isAsync: false,
    run: () => {
      try {
        throw new DaemonError("IO_NOT_FOUND", "Cannot read the file", { cause: new IoError("IO_DENIED", "Cannot open the folder") });
      } catch (error) {
        return (error as DaemonError).stack;
      }
    },
    prove: () =>
      assert.match(new DaemonError("IO_FAILED", "Cannot write", { cause: "full" }).stack, /Cannot write\nCaused by: Error: full/),
  },
  {
    name: "config from a 4 KB TOML file",
    seedNs: undefined,
    targetNs: 150_000,
    isAsync: true,
    run: () => Config.parse(FILE_4K, { source: "bench.toml" }),
    prove: async () => {
      assert.ok(FILE_4K.length >= 4_096);
      assert.equal((await Config.parse(FILE_4K, { source: "bench.toml" })).name, "bench");
      await assert.rejects(Config.parse(`${FILE_4K}\n[logging]\nlevel = "loud"\n`, { source: "bench.toml" }));
    },
  },
];

function sampleToml(bytes: number): string {
  let text = 'name = "bench"\n\n[shutdown]\ntimeout_ms = 2000\nforce_timeout_ms = 5000\nkill_timeout_ms = 9000\n\n';
  for (let index = 0; text.length < bytes; index++) {
    text +=
      `[service.worker${index}]\nrun = ["worker", "--queue", "q${index}"]\nenv = { LEVEL = "info", INDEX = "${index}" }\nrestart = "always"\n\n`;
  }
  return text;
}
