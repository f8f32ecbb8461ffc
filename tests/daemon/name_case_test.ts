import assert from "node:assert/strict";
import { type Context, Daemon, type DaemonBuilder, type GroupBuilder, RestartPolicy } from "../../mod.ts";
import { loadConfig } from "../../src/settings/load_config.ts";
import { FakeHost } from "../../src/testing/mod.ts";
import { test } from "../harness.ts";

const idle = (context: Context) => context.cancelled();
const always = { restart: RestartPolicy.Always };

type Task = [name: string, spec?: { after?: readonly string[]; restart?: RestartPolicy }];

/** Each door by which tasks come in, and what it refuses of them; undefined when they started. */
const doors: Record<string, (tasks: readonly Task[]) => Promise<string | undefined>> = {
  builder: (tasks) => refusal(async () => await ended((builder) => tasks.forEach(([name, spec]) => builder.withTask(name, idle, spec)))),
  group: (tasks) =>
    refusal(async () =>
      await ended((builder) =>
        void builder.withSupervisor("group", {}, (group: GroupBuilder) => tasks.forEach(([name, spec]) => group.withTask(name, idle, spec)))
      )
    ),
  "daemon.add": (tasks) => refusal(async () => await adding(tasks, ({ daemon }) => daemon)),
  "daemon.add to a group": (tasks) =>
    refusal(async () => await adding(tasks, ({ daemon }) => ({ add: (child, spec) => daemon.add(child, { ...spec, group: "Group" }) }))),
  "context.add": (tasks) => refusal(async () => await adding(tasks, ({ context }) => context)),
  file: (tasks) =>
    refusal(async () => {
      const { files, env } = new FakeHost();
      const text = tasks.map(([name, { after = [], restart } = {}]) =>
        `[service.${name}]\nrun = "true"\nafter = ${JSON.stringify(after)}\nrestart = "${
          restart === undefined ? "on-failure" : "always"
        }"\n`
      );
      files.put("/etc/app/daemon.toml", text.join(""));
      await loadConfig({ files, env, cwd: "/etc/app" });
    }),
};

async function refusal(attempt: () => Promise<void>): Promise<string | undefined> {
  try {
    await attempt();
    return undefined;
  } catch (error) {
    const { message, issues = [] } = error as { message: string; issues?: readonly { message: string }[] };
    return [message, ...issues.map((issue) => issue.message)].join("\n");
  }
}

async function ended(add: (builder: DaemonBuilder) => void): Promise<void> {
  const builder = Daemon.builder();
  add(builder);
  const daemon = await builder.build().start();
  daemon.shutdown();
  await daemon.wait();
}

interface Adder {
  add(child: { name: string; run: typeof idle }, spec: Task[1]): unknown;
}

async function adding(tasks: readonly Task[], adderOf: (from: { daemon: Daemon; context: Context }) => Adder): Promise<void> {
  let context!: Context;
  await using daemon = await Daemon.builder()
    .withTask("main", (own) => (context = own).cancelled())
    .withSupervisor("group", {}, (group) => group.withTask("steady", idle)).build().start();
  const adder = adderOf({ daemon, context });
  for (const [name, spec] of tasks) adder.add({ name, run: idle }, spec);
}

const NEAR = /must name a (unit that exists|sibling): current value is "DATAx".* ?did you mean "data"\?/s;
const CIRCLE = /must not lead back to the unit itself|must name a sibling/;
const rows: [what: string, tasks: Task[], refused: RegExp | undefined][] = [
  ["a name in another case is that name", [["db"], ["api", { after: ["DB"] }], ["Web", { after: ["Api:started", "dB:ready"] }]], undefined],
  ["two names differ by more than case", [["db"], ["DB"]], /must be free|differs from "db" by more than case/],
  ["a unit comes not after itself", [["db", { after: ["DB"] }]], CIRCLE],
  ["another name is another name, and the nearest is named", [["data"], ["api", { after: ["DATAx"] }]], NEAR],
];

for (const [what, tasks, refused] of rows) {
  test(`Names have no case, by whatever door they come: ${what}`, async () => {
    for (const [door, enter] of Object.entries(doors)) {
      const said = await enter(tasks);
      if (refused === undefined) assert.equal(said, undefined, door);
      else assert.match(said ?? "nothing was refused", refused, door);
    }
  });
}

test("Names have no case: a circle and a wait for what never completes are found in any", async () => {
  for (const door of ["builder", "group", "file"]) {
    assert.match(
      (await doors[door]([["a", { after: ["B"] }], ["b", { after: ["C"] }], ["c", { after: ["A"] }]]))!,
      /a → b → c → a/,
      door,
    );
    assert.match(
      (await doors[door]([["db", always], ["api", { after: ["DB:exited-ok"] }]]))!,
      /db has completed, as it is always restarted/,
      door,
    );
  }
});

test("Names have no case in operations: who is meant is found, told by its own name, and remembered", async () => {
  const host = new FakeHost();
  const begun = async (down: string) => {
    host.files.put("/etc/app/daemon.toml", "");
    const { files, env } = host;
    return await Daemon.fromConfig(await loadConfig({ files, env, cwd: "/etc/app" }))
      .withTask("main", idle)
      .withTask(down, idle)
      .withSupervisor("Group", {}, (group) => group.withTask(down, idle).withTask("steady", idle))
      .withHost(host).withLogger(() => {}).build().start();
  };
  const daemon = await begun("Api");
  const { operations } = daemon;
  const both = ["Api", "Group/Api"];
  assert.deepEqual(operations.resolve(["aPI", "GROUP/A*"]), both);
  assert.deepEqual(
    (await operations.wait(["API", "group/api"], "ready")).map(({ name, ok }) => [name, ok]),
    both.map((name) => [name, true]),
  );
  assert.deepEqual(operations.signal(["API"], "SIGHUP").map(({ name }) => name), ["Api"]);
  assert.deepEqual((await operations.restart(["API"])).map(({ name, outcome }) => [name, outcome]), [["Api", "restarted"]]);
  assert.deepEqual(
    (await operations.stop(["API", "GROUP/api"])).map(({ name, outcome }) => [name, outcome]),
    both.map((name) => [name, "stopped"]),
  );
  assert.equal((await daemon.ended("GROUP/API")).name, "Group/Api");
  daemon.shutdown();
  await daemon.wait();

  // The next life of the daemon, in which somebody has changed the case of a name.
  const again = await begun("API");
  const states = () => again.subsystems().filter(({ name }) => /api/i.test(name)).map(({ name, state }) => [name, state]);
  assert.deepEqual(states(), [["API", "stopped"], ["Group/API", "stopped"]]);
  await again.operations.start(["api", "group/api"]);
  assert.deepEqual(states(), [["API", "running"], ["Group/API", "running"]]);
  again.shutdown();
  await again.wait();
  const last = await begun("api");
  assert.deepEqual(last.subsystems().map(({ state }) => state), Array(5).fill("running"));
  last.shutdown();
  await last.wait();
});
