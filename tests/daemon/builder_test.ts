import assert from "node:assert/strict";
import { type Context, Daemon, RestartPolicy, type SupervisorOptions } from "../../mod.ts";
import { test } from "../harness.ts";

test("DaemonBuilder.withSupervisor refuses an after that contradicts the order in which the strategy starts siblings", () => {
  const task = (context: Context) => context.cancelled();
  const build = (strategy: SupervisorOptions["strategy"]) =>
    Daemon.builder().withSupervisor("group", { strategy }, (group) => {
      group.withTask("a", task, { after: ["b"] }).withTask("b", task);
    });
  for (const strategy of ["oneForAll", "restForOne"] as const) assert.throws(() => build(strategy), /a → b → a/);
  build("oneForOne");
});

test("DaemonBuilder refuses to wait for the completion of what is always restarted, in a group too", () => {
  const task = (context: Context) => context.cancelled();
  const restart = RestartPolicy.Always;
  const refused = /must not wait until db has completed, as it is always restarted.*; write restart = "on-failure" for db/;
  const wait = { after: ["db:exited-ok"] };
  assert.throws(() => Daemon.builder().withTask("db", task, { restart }).withTask("a", task, wait).build(), refused);
  const service = { run: "true", restart } as const;
  assert.throws(() => Daemon.builder().withService("db", service).withTask("a", task, wait).build(), refused);
  assert.throws(
    () =>
      Daemon.builder().withSupervisor("group", {}, (group) => group.withTask("db", task, { restart }).withTask("a", task, wait)).build(),
    refused,
  );
});

test("DaemonBuilder can go on after build, without touching what it built", async () => {
  const builder = Daemon.builder().withTask("one", (context) => context.cancelled());
  const first = builder.build();
  const second = builder.withTask("two", (context) => context.cancelled()).build();
  await Promise.all([first.start(), second.start()]);
  assert.deepEqual([first, second].map((daemon) => daemon.subsystems().map(({ name }) => name)), [["one"], ["one", "two"]]);
  for (const daemon of [first, second]) {
    daemon.shutdown();
    assert.equal((await daemon.wait()).exitCode, 0);
  }
});

test("DaemonBuilder.build refuses two services that write the same log file", () => {
  const build = (file: string, instances: number) => Daemon.builder().withService("a", { run: "x", instances, log: { file } }).build();
  assert.throws(
    () => build("x.log", 2),
    /log file of "a@1" must be its own: current value is \.\/x\.log, which "a@0" writes; write \{instance\}/,
  );
  build("x-{instance}.log", 2);
  build("x.log", 1);
});

test("DaemonBuilder refuses a name that is taken, without case, however many there are", () => {
  const builder = Daemon.builder();
  for (let index = 0; index < 40; index++) {
    builder.withTask(`u${index}`, () => {});
    assert.throws(() => builder.withTask(`U${index}`, () => {}), /must be free/);
    assert.throws(() => builder.withTask("u0", () => {}), /must be free/);
  }
  assert.equal(builder.build().config.name, Daemon.builder().build().config.name);
});
