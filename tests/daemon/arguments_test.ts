import assert from "node:assert/strict";
import {
  type AddOptions,
  chan,
  type ChannelReceiver,
  type Context,
  Daemon,
  type DaemonBuilder,
  EventBus,
  type Operations,
  type Receiver,
  RestartPolicy,
  type Sender,
  type ShutdownHandle,
  SignalConfig,
  type Subsystem,
} from "../../mod.ts";
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
  [() => RestartPolicy.onFailure({ maxAttempts: 3 } as never), /"maxAttempts" is no option/],
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
  assert.equal(daemon.isRunning(), false);
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

test("Each door that takes the name of a unit names the nearest one where none has it", async () => {
  await using daemon = await Daemon.builder()
    .withTask("server", (context) => context.cancelled())
    .withSupervisor("group", {}, (group) => group.withTask("worker", (context) => context.cancelled()))
    .build().start();
  const { operations } = daemon;
  const doors: Record<string, (name: string) => unknown> = {
    ended: (name) => daemon.ended(name),
    add: (name) => daemon.add({ name: "late", run: () => {} }, { group: name }),
    resolve: (name) => operations.resolve([name]),
    start: (name) => operations.start([name]),
    stop: (name) => operations.stop([name]),
    restart: (name) => operations.restart([name]),
    signal: (name) => operations.signal([name], "SIGHUP"),
    wait: (name) => operations.wait([name], "ready"),
    lines: (name) => operations.lines([name], 1),
    followLines: (name) => operations.followLines([name], () => {}),
  };
  const hints = [["sevrer", '; did you mean "server"?'], ["group/wroker", '; did you mean "group/worker"?'], ["nobody", ""]];
  for (const [door, enter] of Object.entries(doors)) {
    for (const [name, hint] of hints) {
      const message = `Cannot find a unit named ${JSON.stringify(name)}${hint}`;
      await assert.rejects(async () => await enter(name), { code: "SUBSYSTEM_UNKNOWN", message }, door);
    }
  }
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

/** Rows of wrong arguments by the method that must refuse them, with a part of what it says. */
type Rows<T> = Record<string, readonly [call: (it: T) => unknown, message: RegExp][]>;

/** A wrong duration, signal of a wait, and so on, where a method takes one. */
const badWait = { signal: "now" } as never;
const SIGNAL = /"signal" must be an AbortSignal: current value is "now"/;
const FN = (name: string) => new RegExp(`"${name}" must be a function: current value is 5`);
const five = 5 as never;

const ofHandle: Rows<ShutdownHandle> = {
  onDrain: [[(it) => it.onDrain(five), FN("fn")]],
  retry: [
    [(it) => it.retry(1 as never), /^Cannot retry as "fn" must be a function: current value is 1/],
    [(it) => it.retry(() => 1, { maxAttempts: 0 }), /"maxAttempts" must be an integer >= 1, or Infinity: current value is 0/],
    [(it) => it.retry(() => 1, { initialDelay: "1s" } as never), /"initialDelay" is no option/],
  ],
  every: [
    [
      (it) => it.every("soon" as never, () => {}),
      /^Cannot repeat work as "interval" must be a duration such as .*: current value is "soon"/,
    ],
    [(it) => it.every(0, () => {}), /"interval" must be more than 0: current value is 0/],
    [(it) => it.every("1s", 1 as never), /"fn" must be a function: current value is 1/],
  ],
  sleep: [
    [(it) => it.sleep("soon"), /^Cannot sleep as "duration" must be a duration such as .*: current value is "soon"/],
    [(it) => it.sleep(-1), /"duration" must be a finite number >= 0: current value is -1/],
    [(it) => it.sleep({} as never), /"duration" must be a duration/],
  ],
  race: [
    [(it) => it.race(five), /"promise\.then" must be a function/],
    [(it) => it.race(undefined as never), /"promise\.then" must be a function/],
  ],
  requestShutdown: [
    [(it) => it.requestShutdown(five), /its options must be an object: current value is 5/],
    [(it) => it.requestShutdown({ exitCode: 1.5 }), /"exitCode"/],
  ],
};
const subsystemRows = (add: (subsystem: Subsystem, options?: AddOptions) => unknown): [() => unknown, RegExp][] => [
  [() => add(undefined as never), /must have a function "run"/],
  [() => add({ name: "x", run: five }), /must have a function "run"/],
  [() => add({ name: five, run: idle }), /name must be 1 to 63 letters.*current value is 5/],
  [() => add({ name: "x", run: idle, stopIntake: five }), FN("stopIntake")],
  [() => add({ name: "x", run: idle, details: five }), FN("details")],
  [() => add({ name: "x", run: idle, healthCheck: five }), FN("healthCheck")],
  [() => add({ name: "x", run: idle, restartPolicy: five }), FN("restartPolicy")],
  [
    () => add({ name: "x", run: idle }, { ready: { timeout: "soon" } }),
    /"ready\.timeout" must be a duration such as .*: current value is "soon"/,
  ],
  [() => add({ name: "x", run: idle }, { stop: { timeout: -1 } }), /"stop\.timeout" must be a finite number >= 0: current value is -1/],
  [() => add({ name: "x", run: idle }, five), /its options must be an object: current value is 5/],
  [() => add({ name: "x", run: idle, spec: five }), /its options must be an object: current value is 5/],
];
const ofContext: Rows<Context> = {
  ...ofHandle as Rows<Context>,
  onForce: [[(it) => it.onForce(five), FN("fn")]],
  onKill: [[(it) => it.onKill(five), FN("fn")]],
  use: [[(it) => it.use(five), /must have Symbol\.dispose/]],
  spawn: [
    [(it) => it.spawn("work", five), FN("fn")],
    [(it) => it.spawn(five, () => {}), /"name" must be a text: current value is 5/],
    [(it) => it.spawn("work", () => {}, { onFailure: "stop" as never }), /"onFailure" must be one of/],
    [(it) => it.spawn("work", () => {}, null as never), /its options must be an object: current value is null/],
  ],
  stop: [[(it) => it.stop({ scope: "all" as never }), /"scope" must be one of/], [(it) => it.stop("group" as never), /must be an object/]],
  get: [
    [(it) => it.get("db" as never), /"type" must be a function: current value is "db"/],
    [(it) => it.get(Map, five), /"name" must be a text: current value is 5/],
  ],
  add: [
    [(it) => it.add({ name: "x", run: idle }, { temporary: 1 as never }), /"temporary" must be true or false/],
    ...subsystemRows(() => {}).map((_, index): [(it: Context) => unknown, RegExp] => [
      (it) => subsystemRows((subsystem, options) => it.add(subsystem, options))[index][0](),
      subsystemRows(() => {})[index][1],
    ]),
  ],
};
const ofDaemon: Rows<Daemon> = {
  add: [[(it) => it.add({ name: "x", run: idle }, { group: five }), /"group" must be a path or a handle: current value is 5/]],
  ended: [[(it) => it.ended(five), /its path must be a text/]],
  get: ofContext.get as unknown as Rows<Daemon>["get"],
  start: [[(it) => it.start(null as never), /its options must be an object: current value is null/]],
  run: [
    [(it) => it.run(null as never), /its options must be an object: current value is null/],
    [(it) => it.run({ exitGrace: "long" }), /"exitGrace" must be a duration/],
  ],
  reload: [[(it) => it.reload({ dryRun: 1 as never }), /"dryRun" must be true or false/], [
    (it) => it.reload(null as never),
    /must be an object/,
  ]],
  shutdown: [[(it) => it.shutdown({ reason: five }), /"reason" must be a text/]],
};
const ofBuilder: Rows<DaemonBuilder> = {
  withTask: [
    [(it) => it.withTask("x", five), /function "run"/],
    ...subsystemRows(() => {}).slice(7, 10).map((_, index): [(it: DaemonBuilder) => unknown, RegExp] => [
      (it) => subsystemRows((_subsystem, options) => it.withTask("x", idle, options))[index + 7][0](),
      subsystemRows(() => {})[index + 7][1],
    ]),
  ],
  withSubsystem: subsystemRows(() => {}).map((_, index) => [
    (it) => subsystemRows((subsystem, options) => it.withSubsystem(subsystem, options))[index][0](),
    subsystemRows(() => {})[index][1],
  ]),
  withSubsystemFn: [[(it) => it.withSubsystemFn("x", five), FN("make")]],
  withHttp: [
    [
      (it) => it.withHttp("web", { address: "here", fetch: () => new Response() }),
      /^Cannot add server "web" as "address" must be a port, or an address/,
    ],
    [(it) => it.withHttp("web", five), /must be an object: current value is 5/],
    [(it) => it.withHttp(five, { address: 0, fetch: () => new Response() }), /name/],
  ],
  withService: ([
    [five, /^Cannot add service "x" as its options must be an object: current value is 5/],
    [null, /its options must be an object: current value is null/],
    [{ run: five }, /"run" must be/],
    [{ rum: "true" }, /"rum" is no option: did you mean "run"\?/],
    [{ run: "true", stop: five }, /"stop" must be an object: current value is 5/],
    [{ run: "true", stop: { timout: 1 } }, /"stop\.timout" is no option: did you mean "stop\.timeout"\?/],
    [{ run: "true", stop: { timeout: "soon" } }, /"stop\.timeout" must be a duration/],
    [{ run: "true", ready: { htp: "" } }, /"ready\.htp" is no option: did you mean "ready\.http"\?/],
    [{ run: "true", ready: five }, /"ready" must be an object: current value is 5/],
    [{ run: "true", ready: { alive: "soon" } }, /"ready\.alive" must be a duration/],
    [{ run: "true", restart: five }, /"restart" must be an object: current value is 5/],
    [{ run: "true", restart: "sometimes" }, /"restart\.policy" must be one of/],
    [{ run: "true", restart: { dealy: 1 } }, /"restart\.dealy" is no option: did you mean "restart\.delay"\?/],
    [{ run: "true", log: five }, /"log" must be an object/],
    [{ run: "true", log: { max: 1 } }, /"log\.max" is no option/],
    [{ run: "true", env: "A=1" }, /"env" must be an object: current value is "A=1"/],
    [{ run: "true", rlimits: [] }, /"rlimits" must be an object/],
  ] as const).map(([options, message]) => [(it) => it.withService("x", options as never), message]),
  withSupervisor: [
    [(it) => it.withSupervisor("x", {}, five), FN("add")],
    [(it) => it.withSupervisor("x", null as never, () => {}), /its options must be an object: current value is null/],
    [(it) => it.withSupervisor("x", { within: "soon" }, () => {}), /"within" must be a duration/],
    [(it) => it.withSupervisor("x", {}, () => {}, { readiness: "manuel" as never }), /"readiness" must be one of/],
    [(it) => it.withSupervisor("x", {}, () => {}, { restart: five }), /"restart" must be a RestartPolicy/],
    [(it) => it.withSupervisor("x", {}, () => {}, { after: "db" as never }), /"after" must be a list of names/],
    [(it) => it.withSupervisor("x", {}, () => {}, five), /must be an object: current value is 5/],
  ],
  withSupervision: [[(it) => it.withSupervision(five), /must be an object/], [
    (it) => it.withSupervision({ maxRestarts: -1 }),
    /"maxRestarts"/,
  ]],
  withSignalConfig: [[(it) => it.withSignalConfig(five), /SignalConfig/]],
  withPidFile: [[(it) => it.withPidFile(Symbol("p") as never), /must be a path/], [(it) => it.withPidFile(""), /must be a path/]],
  withLogger: [[(it) => it.withLogger(five), FN("sink")]],
  onEvent: [[(it) => it.onEvent(five), FN("listener")]],
  withHost: [[(it) => it.withHost(five), /must be an object: current value is 5/], [
    (it) => it.withHost({} as never),
    /"clock\.schedule" must be a function/,
  ]],
  run: [[(it) => it.run(null as never), /must be an object/]],
};
const ofOperations: Rows<Operations> = {
  resolve: [[(it) => it.resolve("main" as never), /"patterns" must be a list of texts: current value is "main"; write \["main"\]/]],
  prepared: [[(it) => it.prepared(badWait), SIGNAL]],
  reload: [[(it) => it.reload(badWait), SIGNAL], [(it) => it.reload({ dryRun: 1 as never }), /"dryRun"/]],
  signal: [[(it) => it.signal(five, "SIGHUP"), /"names" must be a list/], [
    (it) => it.signal(["main"], "HUP" as never),
    /"signal" must be one of/,
  ]],
  shutdown: [[(it) => it.shutdown(five), /"reason" must be a text/]],
  lines: [
    [(it) => it.lines(five, 1), /"names" must be a list/],
    [(it) => it.lines([], "all" as never), /"limit" must be >= 0/],
    [(it) => it.lines([], 1, five), FN("isWanted")],
  ],
  followLines: [[(it) => it.followLines([], five), FN("fn")], [
    (it) => it.followLines("main" as never, () => {}),
    /"names" must be a list/,
  ]],
  followEvents: [[(it) => it.followEvents(five), FN("fn")]],
  wait: [
    [(it) => it.wait(["main"], "up" as never), /"goal" must be one of/],
    [(it) => it.wait(["main"], "ready", badWait), SIGNAL],
    [(it) => it.wait("main" as never, "ready"), /"names" must be a list/],
    [(it) => it.wait(["nobody"], "ready"), /nobody/],
  ],
  ...Object.fromEntries((["start", "stop", "restart"] as const).map((verb): [string, Rows<Operations>[string]] => [verb, [
    [(it) => it[verb]("main" as never), /"names" must be a list of texts: current value is "main"; write \["main"\]/],
    [(it) => it[verb](undefined as never), /"names" must be a list of texts: current value is undefined/],
    [(it) => it[verb](["main"], badWait), SIGNAL],
    [(it) => it[verb](["nobody"]), /nobody/],
  ]])),
};
const ofBus: Rows<EventBus<{ a: number }>> = {
  on: [[(it) => it.on("a", five), FN("fn")], [(it) => it.on(five, () => {}), /"topic" must be a text: current value is 5/]],
  subscribe: [
    [(it) => it.subscribe(five), /"topics" must be a list of texts: current value is 5/],
    [(it) => it.subscribe("a", { onLag: five }), FN("onLag")],
    [(it) => it.subscribe("a", badWait), SIGNAL],
    [(it) => it.subscribe("a", { replay: -1 }), /"replay"/],
  ],
};
const ofReceiver: Rows<Receiver<number>> = {
  recv: [[(it) => it.recv(badWait), SIGNAL], [(it) => it.recv(null as never), /must be an object: current value is null/]],
  recvMany: [[(it) => it.recvMany("5" as never), /"max" must be at least 1/], [(it) => it.recvMany(1, badWait), SIGNAL]],
  batches: [[(it) => it.batches(0), /"max" must be at least 1: current value is 0/]],
};
const ofSender: Rows<Sender<number>> = { send: [[(it) => it.send(1, badWait), SIGNAL], [(it) => it.send(1, five), /must be an object/]] };
const ofChannelReceiver: Rows<ChannelReceiver<number>> = {
  ...ofReceiver as Rows<ChannelReceiver<number>>,
  clone: [[(it) => it.clone(badWait), SIGNAL]],
};
/** Methods that take nothing, or whatever there is. */
const TAKES_ANYTHING: Record<string, readonly string[]> = {
  context: [
    "cancelled",
    "isShutdown",
    "isForced",
    "isDraining",
    "timeRemaining",
    "child",
    "ready",
    "release",
    "fatal",
    "close",
    "forgetDrain",
  ],
  child: ["cancelled", "isShutdown", "isForced", "isDraining", "timeRemaining", "child", "cancel", "forgetDrain"],
  work: ["cancel"],
  handle: ["stop", "remove"],
  daemon: ["isRunning", "isShutdown", "cancelled", "subsystems", "getStats", "wait"],
  builder: ["withoutSignals", "build", "entries", "addServices"],
  operations: ["status", "measures", "lineCounts", "events"],
  bus: ["publish", "close"],
  receiver: ["tryRecv", "handleEvent"],
  sender: ["trySend", "clone", "close"],
  "channel receiver": ["tryRecv", "handleEvent"],
};

/** Names of all functions that an object has from its own classes. */
function methodsOf(it: object): string[] {
  const names = new Set<string>();
  for (let at = it; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at))) {
      if (typeof value === "function" && name !== "constructor") names.add(name);
    }
  }
  return [...names];
}

test("Each method of what a user gets refuses wrong arguments at the call, says the value and what is wanted, and goes on as if nothing was", async () => {
  let context!: Context;
  const daemon = await Daemon.builder().withTask("main", (own) => {
    context = own;
    return own.cancelled();
  }).build().start();
  using child = context.child();
  using bus = new EventBus<{ a: number }>();
  using receiver = bus.subscribe("a");
  const [sender, channelReceiver] = chan.bounded<number>(1);
  const unstarted = Daemon.builder().withTask("main", idle).build();
  const tables: [name: string, it: object, rows: Rows<never>][] = [
    ["context", context, ofContext as Rows<never>],
    ["child", child, ofHandle as Rows<never>],
    ["work", context.spawn("work", (handle) => handle.cancelled()), {}],
    ["handle", daemon.add({ name: "added", run: idle }), {}],
    ["daemon", daemon, ofDaemon as Rows<never>],
    ["builder", Daemon.builder(), ofBuilder as Rows<never>],
    ["operations", daemon.operations, ofOperations as Rows<never>],
    ["bus", bus, ofBus as unknown as Rows<never>],
    ["receiver", receiver, ofReceiver as Rows<never>],
    ["sender", sender, ofSender as Rows<never>],
    ["channel receiver", channelReceiver, ofChannelReceiver as Rows<never>],
  ];
  for (const [name, it, rows] of tables) {
    assert.deepEqual(methodsOf(it).filter((method) => !(method in rows) && !TAKES_ANYTHING[name].includes(method)), [], `${name}: no row`);
    for (const [method, calls] of Object.entries(rows)) {
      for (const [index, [call, message]] of calls.entries()) {
        const target = it === daemon && ["start", "run"].includes(method) ? unstarted : it;
        await assert.rejects(async () => void await call(target as never), (error) => {
          assert.match((error as Error).message, message, `${name}.${method}, row ${index}`);
          return true;
        }, `${name}.${method}, row ${index}`);
      }
    }
  }
  assert.deepEqual(daemon.subsystems().map(({ name, state, run }) => [name, state, run]), [["main", "running", 1], [
    "added",
    "running",
    1,
  ]]);
  assert.deepEqual([unstarted.isRunning(), bus.publish("a", 1), channelReceiver.pending], [false, 1, 0]);
  daemon.shutdown();
  assert.deepEqual((await daemon.wait()).errors, []);
});

test("A run that is told to stop refuses a wrong duration too", async () => {
  const report = await Daemon.builder().withTask("main", async (context) => {
    context.requestShutdown();
    await context.cancelled();
    await assert.rejects(context.sleep("soon"), /"duration" must be a duration/);
  }).withoutSignals().run({ ownsProcess: false });
  assert.deepEqual(report.errors, []);
});
