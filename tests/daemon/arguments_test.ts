import assert from "node:assert/strict";
import { type Context, Daemon, type DaemonBuilder, EventBus, RestartPolicy, SignalConfig } from "../../mod.ts";
import { test } from "../harness.ts";

const idle = (context: Context) => context.cancelled();

/** A wrong argument, as somebody without types would write it, and what the message says. */
const wrong: [call: (builder: DaemonBuilder) => unknown, message: RegExp][] = [
  ...([
    [{ readiness: "manuel" }, /"readiness" must be one of "auto", "manual", "none": current value is "manuel"; did you mean "manual"\?/],
    [{ after: "b" }, /"after" must be a list of names: write \["b"\]/],
    [{ after: [1] }, /"after" must be a list of names/],
    [{ essential: "no" }, /"essential" must be true or false: current value is "no"/],
    [{ retryStart: 1 }, /"retryStart" must be true or false/],
    [{ esential: true }, /"esential" is no option: did you mean "essential"\?/],
    [{ stop: { timout: "5s" } }, /"stop\.timout" is no option: did you mean "stop\.timeout"\?/],
    [{ stop: "5s" }, /"stop" must be an object: current value is "5s"/],
    [{ ready: { timeout: "soon" } }, /duration/],
    [{ restart: "always" }, /"restart" must be a RestartPolicy/],
    ["fast", /its options must be an object/],
    [null, /its options must be an object/],
  ] as const).map(([spec, message]): typeof wrong[number] => [(builder) => builder.withTask("a", idle, spec as never), message]),
  ...([
    [{ strategy: "OneForOne" }, /"strategy" must be one of .*did you mean "oneForOne"\?/],
    [{ maxRestarts: -1 }, /"maxRestarts" must be an integer >= 0 or Infinity: current value is -1/],
    [{ maxRestarts: 1.5 }, /"maxRestarts" must be/],
    [{ within: 0 }, /"within" must be > 0/],
    [{ within: "never" }, /duration/],
    [{ onExhausted: "stop" }, /"onExhausted" must be one of/],
    [{ autoShutdown: true }, /"autoShutdown" must be one of .*: current value is true/],
    [{ intensity: 3 }, /"intensity" is no option: known are strategy, maxRestarts/],
  ] as const).map(([options, message]): typeof wrong[number] => [
    (builder) => builder.withSupervisor("group", options as never, (group) => void group.withTask("b", idle)),
    message,
  ]),
  [(builder) => builder.withSupervisor("group", {}, undefined as never), /"add" must be a function/],
  [(builder) => builder.withTask("a", "idle" as never), /function/],
  [(builder) => builder.withTask("a/b", idle), /name/],
  [(builder) => builder.withPidFile(7 as never), /PID file/],
  [(builder) => builder.withLogger({} as never), /logger/],
  [(builder) => builder.withSignalConfig({ stop: [] } as never), /SignalConfig/],
  [() => Daemon.builder({ name: "x" } as never), /Config\.builder\(\)/],
  [() => RestartPolicy.onFailure({ maxRetries: 3 } as never), /"maxRetries" is no option: known are delay/],
  [() => RestartPolicy.onFailure({ onExhausted: "die" } as never), /"onExhausted" must be one of/],
  [() => RestartPolicy.ExponentialBackoff({ maxRestarts: 3 } as never), /"maxRestarts" is no option/],
  [() => new RestartPolicy("sometimes" as never), /"when" must be one of/],
  [() => new SignalConfig({ stop: "SIGTERM" } as never), /"stop" must be a list/],
  [() => new SignalConfig({ on: { SIGUSR2: "dump" } } as never), /"on\.SIGUSR2" must be a function/],
  [() => new SignalConfig({ stopp: [] } as never), /"stopp" is no option: did you mean "stop"\?/],
  [() => new EventBus({ size: 8 } as never), /"size" is no option/],
  [() => new EventBus<{ a: 1 }>().subscribe("a", { lag: 1 } as never), /"lag" is no option/],
];

for (const [index, [call, message]] of wrong.entries()) {
  test(`A wrong argument is refused where it is given, number ${index}: ${message.source}`, () => {
    assert.throws(() => call(Daemon.builder()), (error) => {
      assert.ok(error instanceof TypeError || error instanceof RangeError, String(error));
      assert.match(error.message, message);
      return true;
    });
  });
}

test("Daemon.start and Daemon.run refuse options that they do not know, and start nothing", async () => {
  const daemon = Daemon.builder().withTask("a", idle).build();
  await assert.rejects(daemon.start({ ownsProces: true } as never), /"ownsProces" is no option: did you mean "ownsProcess"\?/);
  await assert.rejects(daemon.start({ ownsProcess: "no" } as never), /"ownsProcess" must be true or false/);
  await assert.rejects(daemon.run({ exitGrace: "long" } as never), /duration/);
  assert.equal(daemon.isRunning, false);
  await daemon.start();
  daemon.shutdown();
  assert.equal((await daemon.wait()).exitCode, 0);
});

test("A running daemon refuses wrong arguments of add and ended where they are given, and says what is wanted", async () => {
  const daemon = await Daemon.builder().withTask("main", idle).build().start();
  const child = { name: "child", run: idle };
  assert.throws(
    () => daemon.add(child, null as never),
    /^TypeError: Cannot add a subsystem as its options must be an object: current value is null/,
  );
  assert.throws(() => daemon.add(child, "fast" as never), /its options must be an object: current value is "fast"/);
  assert.throws(
    () => daemon.add(child, { group: Symbol("g") as never }),
    /"group" must be a path or a handle: current value is Symbol\(g\)/,
  );
  await assert.rejects(daemon.ended(undefined as never), /^TypeError: Cannot wait for the end of a unit as its path must be a text/);
  await assert.rejects(daemon.ended(Symbol("s") as never), /its path must be a text: current value is Symbol\(s\)/);
  assert.deepEqual(daemon.subsystems().map(({ name }) => name), ["main"]);
  daemon.shutdown();
  assert.equal((await daemon.wait()).exitCode, 0);
});

test("Context.use refuses at once what can't be disposed, and takes what has one of both ways", async () => {
  const disposed: string[] = [];
  const report = await Daemon.builder().withTask("main", (context) => {
    for (const wrong of [undefined, null, 7, {}, { [Symbol.dispose]: "no" }]) {
      assert.throws(
        () => context.use(wrong as never),
        /^TypeError: Cannot use a resource as it must have Symbol\.dispose or Symbol\.asyncDispose/,
      );
    }
    context.use({ [Symbol.asyncDispose]: undefined, [Symbol.dispose]: () => void disposed.push("now") } as never);
    context.use({ [Symbol.asyncDispose]: () => Promise.resolve(void disposed.push("later")) });
  }).withoutSignals().run({ ownsProcess: false });
  assert.deepEqual([report.exitCode, report.errors, disposed], [0, [], ["later", "now"]]);
});
