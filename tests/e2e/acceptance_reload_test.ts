import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { e2e, e2eOnce, type Program, type Stage } from "./driver.ts";
import { type UnitAnswer, unitsOf, untilUnits } from "./units.ts";
import { until } from "../until.ts";

/** A service that nobody touches, and one that has a version in its environment. */
const text = (version: string, more = "") => `
name = "reload"
hot_reload = true
${more}
[service.still]
run = "exec sleep 1000"
[service.api]
run = "echo version $VERSION; exec sleep 1000"
env = { VERSION = "${version}" }
`;

const withoutWatch = (version: string, more = "") => text(version, more).replace("hot_reload = true", "");

interface Reload {
  type: "config.reload";
  outcome: string;
  version: number;
}

/** Outcomes of the reloads of a daemon, oldest first. */
async function reloadsOf(stage: Stage): Promise<Reload[]> {
  const { stdout } = await stage.cli("events", "--json");
  const events: (Reload | { type: string })[] = stdout.trim().split("\n").map((line) => JSON.parse(line));
  return events.filter((event) => event.type === "config.reload") as Reload[];
}

async function untilReloads(stage: Stage, count: number): Promise<Reload[]> {
  return await until(() => reloadsOf(stage), { isRight: (reloads) => reloads.length >= count, context: () => `${count} are waited for` });
}

const pidsOf = (units: Record<string, UnitAnswer>) =>
  Object.fromEntries(Object.entries(units).map(([name, { details }]) => [name, details.pid]));
const isUp = (daemon: Program, version: string) => daemon.stdout().includes(`version ${version}\n`);

// Acceptance runner 49: a reload with a mistake keeps the old configuration, with line and column, and not with 0.
e2eOnce("runner 49: a reload with a mistake keeps the old configuration, names line and column, and exits with 6", async (stage) => {
  stage.write("daemon.toml", withoutWatch("1"));
  const daemon = await stage.startDaemon();
  const before = pidsOf(await unitsOf(stage));
  for (
    const [mistake, where] of [
      ["[service.api\n", /daemon\.toml:1:\d+: .*expected TOML/],
      [withoutWatch("2").replace("env =", "enf ="), /daemon\.toml:9:1: service\.api\.enf: .*did you mean env\?/],
      ["", /daemon\.toml:1:1: .*an empty file/],
    ] as const
  ) {
    stage.write("daemon.toml", mistake);
    for (const args of [["reload"], ["reload", "--dry-run"]]) {
      const { code, stdout, stderr } = await stage.cli(...args);
      assert.equal(code, 6, stderr);
      assert.equal(stdout, "");
      assert.match(stderr, where);
      assert.equal(stderr.match(/daemon\.toml:\d/g)!.length, 1, stderr);
    }
    daemon.kill("SIGHUP");
    await daemon.until(where);
  }
  assert.deepEqual(pidsOf(await unitsOf(stage)), before);
  assert.equal(JSON.parse((await stage.cli("status", "--json")).stdout).configVersion, 1);
});

// Acceptance runner 50: a changed variable restarts its service only.
e2e("runner 50: a changed variable restarts its service, and no other, by command, SIGHUP and a changed file", async (stage) => {
  stage.write("daemon.toml", withoutWatch("1"));
  const daemon = await stage.startDaemon();
  const first = pidsOf(await unitsOf(stage));

  stage.write("daemon.toml", withoutWatch("2"));
  const dry = await stage.cli("reload", "--dry-run");
  assert.equal(dry.code, 0, dry.stderr);
  assert.match(dry.stdout, /^~ {2}service\.api {2}env\.VERSION {2}restarts\n= {2}1 service unchanged\na dry run: nothing was changed\n$/);
  assert.deepEqual(pidsOf(await unitsOf(stage)), first);

  const reload = await stage.cli("reload");
  assert.equal(reload.code, 0, reload.stderr);
  assert.match(reload.stdout, /configuration 2 is in force\n\napi {2}restarted\n$/);
  const second = pidsOf(await unitsOf(stage));
  assert.deepEqual([second.still, second.api === first.api], [first.still, false]);
  await daemon.until(/version 2\n/);

  // The switch for the watch is live itself.
  stage.write("daemon.toml", text("3"));
  daemon.kill("SIGHUP");
  await daemon.until(/version 3\n/);
  stage.write("daemon.toml", text("4"));
  await daemon.until(/version 4\n/);
  assert.equal((await untilUnits(stage, ({ api }) => api.state === "running")).still.details.pid, first.still);
  assert.deepEqual((await reloadsOf(stage)).map(({ outcome, version }) => [outcome, version]), [["applied", 2], ["applied", 3], [
    "applied",
    4,
  ]]);
});

// Acceptance runner 51: what was removed from the file is gone after a reload.
e2eOnce("runner 51: a key and a service that were removed are gone after a reload", async (stage) => {
  stage.write("daemon.toml", withoutWatch("1"));
  await stage.startDaemon();
  stage.write("daemon.toml", withoutWatch("1").replace(/env = .*\n/, "").replace(/\[service\.still\]\n.*\n/, ""));
  const { code, stdout, stderr } = await stage.cli("reload", "--json");
  assert.equal(code, 0, stderr);
  const { changes, units } = JSON.parse(stdout);
  assert.deepEqual(changes, [
    { kind: "changed", name: "service.api", keys: ["env.VERSION"], effect: "restart" },
    { kind: "removed", name: "service.still", keys: [], effect: "stop" },
  ]);
  assert.deepEqual(units.map(({ name, outcome }: { name: string; outcome: string }) => `${name} ${outcome}`), [
    "still removed",
    "api restarted",
  ]);
  const after = await unitsOf(stage);
  assert.deepEqual(Object.keys(after), ["api"]);
  const environment = readFileSync(`/proc/${after.api.details.pid}/environ`, "utf8");
  assert.ok(!environment.includes("VERSION="), environment);
});

// Acceptance runner 56: an atomic swap of a link is one reload.
e2e("runner 56: an atomic swap of a link, as of a mounted ConfigMap, is exactly one reload", async (stage) => {
  const mounted = (name: string, version: string) => {
    mkdirSync(join(stage.folder, name));
    stage.write(`${name}/daemon.toml`, text(version));
    symlinkSync(name, join(stage.folder, "..data.new"));
    renameSync(join(stage.folder, "..data.new"), join(stage.folder, "..data"));
  };
  mounted("..2026_1", "1");
  symlinkSync("..data/daemon.toml", join(stage.folder, "daemon.toml"));
  const daemon = await stage.startDaemon();
  const { still } = pidsOf(await unitsOf(stage));
  for (const version of ["2", "3"]) {
    mounted(`..2026_${version}`, version);
    await daemon.until(new RegExp(`version ${version}\n`));
    rmSync(join(stage.folder, `..2026_${Number(version) - 1}`), { recursive: true });
  }
  const after = await untilUnits(stage, ({ api }) => api.state === "running");
  assert.equal(after.still.details.pid, still);
  assert.deepEqual((await reloadsOf(stage)).map(({ outcome, version }) => [outcome, version]), [["applied", 2], ["applied", 3]]);
});

e2e("A watched file may be saved in any way: nothing is lost, nothing is half, and nobody else is touched", async (stage) => {
  const path = stage.write("daemon.toml", text("start"));
  const daemon = await stage.startDaemon();
  const { still } = pidsOf(await unitsOf(stage));
  const elsewhere = join(stage.folder, "elsewhere", "daemon.toml");
  const fds = () => readdirSync(`/proc/${daemon.pid}/fd`).length;
  const saves: Record<string, (version: string) => void> = {
    inPlace: (version) => writeFileSync(path, text(version)),
    rename: (version) => {
      writeFileSync(`${path}.swp`, text(version));
      renameSync(`${path}.swp`, path);
    },
    deleteAndRecreate: (version) => {
      rmSync(path);
      writeFileSync(path, text(version));
    },
    truncateFirst: (version) => {
      writeFileSync(path, "");
      writeFileSync(path, text(version));
    },
    twiceInARow: (version) => {
      writeFileSync(path, text(`${version}-not-yet`));
      writeFileSync(path, text(version));
    },
    link: (version) => {
      mkdirSync(join(stage.folder, "elsewhere"));
      writeFileSync(elsewhere, text(version));
      symlinkSync(elsewhere, `${path}.new`);
      renameSync(`${path}.new`, path);
    },
    behindTheLink: (version) => writeFileSync(elsewhere, text(version)),
  };
  let reloads = 0;
  for (const [version, save] of Object.entries(saves)) {
    save(version);
    await daemon.until(new RegExp(`version ${version}\n`));
    const went = (await untilReloads(stage, reloads + 1)).slice(reloads);
    // Between two writes of its own the test may stand still for longer than a watch waits for quiet.
    const most = version === "twiceInARow" ? 2 : 1;
    assert.ok(went.length <= most && went.every(({ outcome }) => outcome === "applied"), `${version}: ${JSON.stringify(went)}`);
    reloads += went.length;
  }
  const before = fds();

  // A file that is half written or empty for a while changes nothing.
  rmSync(path);
  writeFileSync(path, "[service.api\n");
  await untilReloads(stage, ++reloads);
  writeFileSync(path, "");
  writeFileSync(path, text("healed"));
  await daemon.until(/version healed\n/);
  assert.deepEqual((await reloadsOf(stage)).slice(-2).map(({ outcome }) => outcome), ["refused", "applied"]);

  // 50 saves a second, by turns in place and by rename, with commands in between.
  const commands: Promise<{ code: number }>[] = [];
  for (let save = 1; save <= 150; save++) {
    saves[save % 2 === 0 ? "inPlace" : "rename"](`fast-${save}`);
    if (save % 30 === 0) commands.push(stage.cli("reload"));
    if (save % 50 === 0) daemon.kill("SIGHUP");
    await setTimeout(20);
  }
  await daemon.until(/version fast-150\n/);
  for (const { code } of await Promise.all(commands)) assert.ok(code === 0 || code === 1, `reload exits with ${code}`);
  const after = await untilUnits(stage, ({ api }) => api.state === "running");
  assert.equal(after.still.details.pid, still);
  assert.ok(isUp(daemon, "fast-150"));
  await until(fds, { isRight: (count) => count <= before + 2, context: () => `${before} before` });
  assert.equal((await reloadsOf(stage)).filter(({ outcome }) => outcome === "refused").length, 1);
});

e2eOnce("A manual stop survives a reload, and what is stopped takes the change at its next start", async (stage) => {
  stage.write("daemon.toml", withoutWatch("1"));
  const daemon = await stage.startDaemon();
  assert.equal((await stage.cli("stop", "api")).code, 0);
  stage.write("daemon.toml", withoutWatch("2"));
  const reload = await stage.cli("reload");
  assert.equal(reload.code, 0, reload.stderr);
  assert.equal((await unitsOf(stage)).api.state, "stopped");
  assert.equal((await stage.cli("start", "api")).code, 0);
  await daemon.until(/version 2\n/);
});
