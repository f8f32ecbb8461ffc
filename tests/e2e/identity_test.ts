import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { type CliResult, e2e, isRunning, type Stage, type Subject } from "./driver.ts";
import { daemonLogOf, processesOf, runFolderOf } from "./processes.ts";
import { until } from "../until.ts";

const ONE = `name = "one"\n[service.a]\nrun = ["sleep", "1001"]\n`;

/** The process of the daemon that `status` finds with these arguments. */
async function pidOf(stage: Stage, ...args: string[]): Promise<number> {
  const { code, stdout, stderr } = await stage.cli("status", "--json", ...args);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout).pid;
}

/** Runs a command line from within a folder, as a shell does that went there. */
function cliIn(folder: string, stage: Stage, subject: Subject, ...args: string[]): Promise<CliResult> {
  const argv = subject.argv(join(stage.folder, ".."));
  const child = spawn("/bin/sh", ["-c", `cd '${folder}' && exec "$@"`, "sh", ...argv, ...args], {
    cwd: stage.folder,
    env: { ...stage.env, PWD: stage.folder },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const text = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream].setEncoding("utf8").on("data", (piece: string) => void (text[stream] += piece));
  }
  return new Promise((resolve) => child.on("close", (code) => resolve({ code: code ?? -1, ...text })));
}

e2e("one file is one daemon, whatever the environment: found from everywhere, and never started twice", async (stage) => {
  const path = stage.write("daemon.toml", ONE);
  const login = { ...stage.env };
  assert.equal((await stage.cli("up")).code, 0);
  const pid = await pidOf(stage);

  // As cron would, without the variables of a login, and with others.
  const root = join(stage.folder, "..");
  const others = [{ XDG_RUNTIME_DIR: join(root, "run2"), XDG_STATE_HOME: join(root, "state2") }, {
    XDG_RUNTIME_DIR: "",
    XDG_STATE_HOME: join(root, "state3"),
  }];
  for (const other of others) {
    Object.assign(stage.env, other);
    assert.equal(await pidOf(stage), pid);
    const up = await stage.cli("up");
    assert.deepEqual([up.code, up.stdout], [0, `one (pid ${pid}) runs already and is ready: 1 unit\n`], up.stderr);
    const run = await stage.cli("run");
    assert.equal(run.code, 1);
    assert.match(run.stderr, new RegExp(`no other instance may run: process ${pid} `));
    assert.equal((await stage.cli("reload")).code, 0);
  }
  // By another name of the same file.
  symlinkSync(stage.folder, join(root, "alias"));
  assert.equal(await pidOf(stage, "-c", join(root, "alias", "daemon.toml")), pid);
  assert.equal((await stage.cli("run", join(root, "alias", "daemon.toml"))).code, 1);
  // With another name in it.
  stage.write("daemon.toml", ONE.replace("one", "two"));
  assert.equal((await stage.cli("run")).code, 1);
  assert.match((await stage.cli("up")).stdout, new RegExp(`\\(pid ${pid}\\) runs already`));
  assert.equal(processesOf(stage, /sleep 1001 /).length, 1);
  const down = await stage.cli("down", "-c", path);
  assert.equal(down.code, 0, down.stderr);
  assert.equal(isRunning(pid), false);
  assert.deepEqual(processesOf(stage, /sleep|guardian/), []);
  Object.assign(stage.env, login);
  assert.equal((await stage.cli("status")).code, 3);
});

e2e("kill -9 of a daemon, then a start in another environment: what was left is found by its mark", async (stage) => {
  stage.write("daemon.toml", ONE);
  const first = await stage.startDaemon();
  await until(() => processesOf(stage, /sleep 1001 /).length === 1);
  const [left] = processesOf(stage, /sleep 1001 /);
  first.kill("SIGKILL");
  await first.ended;
  stage.env.XDG_RUNTIME_DIR = join(stage.folder, "..", "run2");
  const second = await stage.startDaemon();
  assert.match(second.stderr(), /a: ended what an earlier daemon left/);
  assert.equal(isRunning(left), false);
  await until(() => processesOf(stage, /sleep 1001 /).length === 1);
});

e2e("of daemons of one file that start at the same moment in different environments exactly one wins", async (stage) => {
  stage.write("daemon.toml", ONE);
  const all = Array.from({ length: 4 }, (_, index) => {
    stage.env.XDG_RUNTIME_DIR = join(stage.folder, "..", `run${index}`);
    return stage.start("run");
  });
  const ends: number[] = [];
  for (const each of all) void each.ended.then(({ code }) => ends.push(code));
  await until(() => ends.length === 3 && all.some((each) => /every unit has started/.test(each.stderr())));
  assert.deepEqual(ends, [1, 1, 1]);
  assert.equal(processesOf(stage, /sleep 1001 /).length, 1);
  assert.equal((await stage.cli("down")).code, 0);
});

e2e("a configuration file that is a link, as in a ConfigMap: by the link and by the file behind it there is one daemon", async (stage) => {
  const switchTo = (version: string) => {
    symlinkSync(version, join(stage.folder, "next"));
    renameSync(join(stage.folder, "next"), join(stage.folder, "..data"));
  };
  for (const version of ["..1", "..2"]) {
    mkdirSync(join(stage.folder, version));
    writeFileSync(join(stage.folder, version, "map.toml"), `name = "map"\n[service.web]\nrun = "exec sleep 100${version.slice(2)}"\n`);
  }
  switchTo("..1");
  const link = join(stage.folder, "map.toml");
  symlinkSync("..data/map.toml", link);
  assert.equal((await stage.cli("up", link)).code, 0);
  const pid = await pidOf(stage, "-c", link);
  const behind = join(stage.folder, "..1", "map.toml");
  assert.equal(await pidOf(stage, "-c", behind), pid);
  assert.match((await stage.cli("up", behind)).stdout, new RegExp(`\\(pid ${pid}\\) runs already`));

  switchTo("..2");
  assert.equal(await pidOf(stage, "-c", link), pid);
  assert.equal((await stage.cli("reload", "-c", link)).code, 0);
  await until(() => processesOf(stage, /sleep 1002/).length === 1 && processesOf(stage, /sleep 1001/).length === 0);
  assert.equal((await stage.cli("down", "-c", join(stage.folder, "..2", "map.toml"))).code, 0);
  assert.equal(isRunning(pid), false);
});

e2e("a release is switched by a link: the same path is the same daemon, from within the folder too", async (stage, subject) => {
  const switchTo = (release: string) => {
    symlinkSync(release, join(stage.folder, "next"));
    renameSync(join(stage.folder, "next"), join(stage.folder, "current"));
  };
  for (const release of ["1", "2"]) {
    mkdirSync(join(stage.folder, release));
    writeFileSync(join(stage.folder, release, "version"), `release ${release}`);
    writeFileSync(
      join(stage.folder, release, "daemon.toml"),
      `name = "deploy"\nhot_reload = true\n[service.web]\nrun = "echo in $(pwd -P) is $(cat version); exec sleep 100${release}"\n`,
    );
  }
  const current = join(stage.folder, "current");
  switchTo("1");
  const up = await cliIn("current", stage, subject, "up");
  assert.equal(up.code, 0, up.stderr);
  const status = async () => JSON.parse((await cliIn("current", stage, subject, "status", "--json")).stdout);
  const { pid, id, config } = await status();
  assert.equal(config, join(current, "daemon.toml"));

  switchTo("2");
  rmSync(join(stage.folder, "1"), { recursive: true });
  await until(() => processesOf(stage, /sleep 1002 /).length === 1);
  assert.equal((await status()).pid, pid);
  for (const path of [join(current, "daemon.toml"), join(stage.folder, "2", "daemon.toml"), "current/daemon.toml"]) {
    assert.equal(await pidOf(stage, "-c", path), pid, path);
    assert.match((await stage.cli("up", path)).stdout, new RegExp(`\\(pid ${pid}\\) runs already`));
  }
  assert.equal((await cliIn("current", stage, subject, "reload")).code, 0);
  assert.match((await stage.cli("logs", "web", "-c", "current/daemon.toml")).stdout, /\/2 is release 2/);
  // Its memory belongs to the path, and not to a release.
  assert.equal((await cliIn("current", stage, subject, "stop", "web")).code, 0);
  assert.equal((await cliIn("current", stage, subject, "down")).code, 0);
  assert.equal(isRunning(pid), false);
  mkdirSync(join(stage.folder, "3"));
  for (const name of ["version", "daemon.toml"]) renameSync(join(stage.folder, "2", name), join(stage.folder, "3", name));
  switchTo("3");
  assert.equal((await cliIn("current", stage, subject, "up")).code, 0);
  const again = await status();
  assert.deepEqual([again.id, again.units[0].state], [id, "stopped"]);
  assert.equal((await stage.cli("down", "-c", "3/daemon.toml")).code, 0);
});

e2e(
  "in a folder that was deleted every command says so in a sentence, and an absolute path works where the runtime starts",
  async (stage, subject) => {
    const path = stage.write("daemon.toml", ONE);
    mkdirSync(join(stage.folder, "gone"));
    await stage.startDaemon();
    const inGone = (...args: string[]) => {
      const argv = subject.argv(join(stage.folder, "..")).join(" ");
      const script = `mkdir -p gone && cd gone && rmdir ../gone && exec ${argv} "$@"`;
      const child = spawn("/bin/sh", ["-c", script, "sh", ...args], {
        cwd: stage.folder,
        env: stage.env,
        stdio: ["ignore", "pipe", "pipe"],
      });
      let text = "";
      for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (piece: string) => void (text += piece));
      return new Promise<{ code: number | null; text: string }>((resolve) => child.on("close", (code) => resolve({ code, text })));
    };
    for (const args of [["status"], ["up"], ["run"], ["down"], ["reload"], ["validate"], ["stop", "a"]]) {
      const { code, text } = await inGone(...args);
      assert.equal(code, 1, args.join(" "));
      // Deno itself, and what Bun has compiled, don't start in such a folder, and say it in their words.
      assert.match(
        text,
        /folder this is as it was removed: change to another one|could not read current working directory|working directory was deleted/,
      );
      assert.doesNotMatch(text, / at \w+|fault of/);
    }
    const { code, text } = await inGone("status", "-c", path);
    const isOurs = !("Deno" in globalThis) && subject.name === "source";
    assert.equal(code, isOurs ? 0 : 1, text);
  },
);

e2e("bytes that are no UTF-8 in a variable, a folder or a file's name lead nowhere else, and are told in a sentence", async (stage) => {
  stage.write("daemon.toml", ONE);
  const odd = (script: string, ...args: string[]) => stage.startThrough(`odd=$(printf 'caf\\351'); ${script}`, ...args).ended;
  for (const name of ["XDG_RUNTIME_DIR", "XDG_STATE_HOME", "TMPDIR", "TERM", "PWD", "NO_COLOR"]) {
    const { code, stderr } = await odd(`export ${name}="/tmp/$odd"; exec "$0" "$@"`, "status");
    assert.deepEqual([code, stderr.split(" as ")[0]], [3, "daemonkit: Cannot find a daemon"], stderr);
  }
  for (const script of ['mkdir "$odd" && cd "$odd" && exec "$0" "$@"', 'cd "$odd" && exec "$0" "$@"']) {
    const { code, stderr } = await odd(script, "validate");
    assert.equal(code, 1, stderr);
    assert.match(stderr, /^daemonkit: Cannot name this folder as its path is no UTF-8: rename it, or change to another one/);
  }
  const { code, stderr } = await odd('exec "$0" "$@" "$odd/daemon.toml"', "validate");
  assert.deepEqual([code, /a name that is no UTF-8 can't be named here: rename it/.test(stderr)], [6, true], stderr);
});

e2e("what a live daemon has on disk is removed: it is found, never doubled, makes everything anew and says so once", async (stage) => {
  stage.write("daemon.toml", `${ONE}[service.b]\nrun = ["sleep", "1002"]\n`);
  assert.equal((await stage.cli("up")).code, 0);
  assert.equal((await stage.cli("stop", "b")).code, 0);
  const pid = await pidOf(stage);
  const [run, state] = [stage.env.XDG_RUNTIME_DIR, stage.env.XDG_STATE_HOME];
  const folder = runFolderOf(stage);
  const follower = stage.start("events", "-f");
  await follower.until(/b .*stopped|"b"/);
  const removals: (() => void)[] = [
    () => rmSync(run, { recursive: true }),
    () => rmSync(join(folder, "lock")),
    () => rmSync(join(folder, "admin.sock")),
    () => rmSync(join(folder, "groups.json")),
    () => rmSync(state, { recursive: true }),
  ];
  const restored = () => follower.stdout().match(/restored: somebody has removed .*/g) ?? [];
  for (const [index, remove] of removals.entries()) {
    remove();
    // At once, before it has noticed.
    const second = await stage.cli("run");
    assert.equal(second.code, 1, second.stderr);
    assert.match(second.stderr, new RegExp(`process ${pid} `));
    const up = await stage.cli("up");
    assert.deepEqual(
      [up.code, up.stdout],
      [0, `one (pid ${pid}) runs already: 1 of 2 units is ready; b stays stopped (an operator stopped it: daemonkit start b)\n`],
      up.stderr,
    );
    assert.equal(await pidOf(stage), pid);
    await until(() => restored().length, { isRight: (count) => count > index, context: follower.stdout });
    assert.ok(["lock", "admin.sock", "groups.json"].every((name) => existsSync(join(folder, name))) && existsSync(state));
    assert.equal(processesOf(stage, /sleep 1001 /).length, 1);
  }
  // A look may come in the middle of what removes a folder with all that is in it.
  assert.ok(restored().length <= removals.length + 2, restored().join("\n"));
  // Lines of the log are written together, a moment later.
  await until(() => daemonLogOf(stage).match(/made its files anew/g)?.length, { isRight: (count) => count === 1 });
  const overrides = readFileSync(join(state, "daemonkit", readdirSync(join(state, "daemonkit"))[0], "overrides.json"), "utf8");
  assert.equal(overrides, '{"v":1,"down":["b"]}\n');
  assert.deepEqual(readdirSync(join(state, "daemonkit", readdirSync(join(state, "daemonkit"))[0])).sort(), [
    "daemon.log",
    "last-config.json",
    "logs",
    "origin.json",
    "overrides.json",
  ]);
  const down = await stage.cli("down");
  assert.equal(down.code, 0, down.stderr);
  assert.equal(isRunning(pid), false);
  assert.deepEqual(processesOf(stage, /sleep|guardian/), []);
  assert.equal((await follower.ended).code, 0);
});

e2e(
  "something else stands in the place of the run folder: who lives and what is in the way is said, and `down` needs no socket",
  async (stage) => {
    stage.write("daemon.toml", ONE);
    assert.equal((await stage.cli("up")).code, 0);
    const pid = await pidOf(stage);
    const folder = runFolderOf(stage);
    const away = `${folder}.away`;
    renameSync(folder, away);
    writeFileSync(folder, "not a folder");
    for (const command of ["status", "up"]) {
      const { code, stderr } = await stage.cli(command);
      assert.equal(code, 5, stderr);
      assert.match(stderr, new RegExp(`lives as process ${pid}: .*${folder} must be a folder and something else stands there`));
      assert.match(stderr, new RegExp(`daemonkit down.*kill -TERM ${pid}`));
    }
    // Once it has gone, the daemon mends itself.
    rmSync(folder);
    assert.equal(await pidOf(stage), pid);
    await until(() => existsSync(join(folder, "admin.sock")));
    rmSync(folder, { recursive: true });
    writeFileSync(folder, "not a folder");
    const down = await stage.cli("down");
    assert.equal(down.code, 0, down.stderr);
    assert.match(down.stdout, new RegExp(`pid ${pid}\\) ended after .*, by SIGTERM as its socket can't be reached`));
    assert.doesNotMatch(daemonLogOf(stage), /Cannot stop listeners|daemonkit: Cannot write/);
    assert.equal(isRunning(pid), false);
    assert.deepEqual(processesOf(stage, /sleep|guardian/), []);
  },
);

e2e("the run folder is removed and the daemon is killed: the guardian starts it again, and one copy of everything runs", async (stage) => {
  stage.write("daemon.toml", ONE);
  assert.equal((await stage.cli("up")).code, 0);
  const pid = await pidOf(stage);
  rmSync(stage.env.XDG_RUNTIME_DIR, { recursive: true });
  rmSync(stage.env.XDG_STATE_HOME, { recursive: true });
  process.kill(pid, "SIGKILL");
  const up = await stage.cli("up");
  assert.equal(up.code, 0, up.stderr);
  assert.notEqual(await pidOf(stage), pid);
  await until(() => processesOf(stage, /sleep 1001 /).length === 1);
  assert.equal(processesOf(stage, /guardian\.sh/).length, 1);
  assert.equal((await stage.cli("down")).code, 0);
  assert.deepEqual(processesOf(stage, /sleep|guardian/), []);
});

e2e("a manual stop that can't be remembered says so in its answer", async (stage) => {
  stage.write("daemon.toml", ONE);
  await stage.startDaemon();
  const root = join(stage.env.XDG_STATE_HOME, "daemonkit");
  const folder = join(root, readdirSync(root)[0]);
  const stop = await stage.cli("stop", "a");
  assert.deepEqual([stop.code, stop.stdout], [0, "a  stopped\n"]);
  // Root writes into any folder, but not over one.
  rmSync(join(folder, "overrides.json"));
  mkdirSync(join(folder, "overrides.json", "in the way"), { recursive: true });
  const start = await stage.cli("start", "a");
  assert.equal(start.code, 0);
  assert.match(start.stdout, /^a {2}started \(will be forgotten when the daemon ends: Cannot write .*overrides\.json/);
  const [{ note }] = JSON.parse((await stage.cli("stop", "a", "--json")).stdout).units;
  assert.match(note, /^will be forgotten when the daemon ends: Cannot write /);
});

e2e(
  "kill -9 under a guardian while the file is broken: the last configuration in force goes on, loudly, until the file is right",
  async (stage) => {
    const path = stage.write("daemon.toml", ONE);
    assert.equal((await stage.cli("up")).code, 0);
    const pid = await pidOf(stage);
    stage.write("daemon.toml", `${ONE}x = "`);
    const beside = await stage.cli("up");
    assert.equal(beside.code, 6);
    assert.match(beside.stderr, new RegExp(`\\(pid ${pid}\\) runs on with the configuration that it has`));
    process.kill(pid, "SIGKILL");
    await until(() => /started again/.test(daemonLogOf(stage)));
    const status = await stage.cli("status");
    const run = await stage.cli("run", "--set", "name=other");
    // The pause is one second: under load a command may come at its end or after it.
    if (status.code === 3) {
      assert.match(
        status.stderr,
        /(?:has died with 137, and its guardian \(process \d+\) starts it again within 1 s|guardian \(process \d+\) is about to start it); .*up/,
      );
    }
    assert.notEqual(run.code, 0);
    await until(() => /until the file is right/.test(daemonLogOf(stage)));
    const seen = await until(() => stage.cli("status"), { isRight: ({ stdout }) => /a {5}running/.test(stdout) });
    assert.match(seen.stdout, /runs with the last configuration that was in force, as the file can't be used: .*daemon\.toml:4:/);
    const next = await pidOf(stage);
    assert.notEqual(next, pid);
    assert.equal(processesOf(stage, /sleep 1001 /).length, 1);
    const kept = join(
      stage.env.XDG_STATE_HOME,
      "daemonkit",
      readdirSync(join(stage.env.XDG_STATE_HOME, "daemonkit"))[0],
      "last-config.json",
    );
    assert.equal(statSync(kept).mode & 0o777, 0o600);

    // Right again, it is taken without anybody asking.
    stage.write("daemon.toml", ONE.replace("1001", "1002"));
    await until(() => processesOf(stage, /sleep 1002 /).length === 1);
    assert.doesNotMatch((await stage.cli("status")).stdout, /last configuration/);
    assert.equal(await pidOf(stage), next);

    // So it is when the file is gone, and after a second death.
    rmSync(path);
    process.kill(next, "SIGKILL");
    await until(() => processesOf(stage, /sleep 1002 /).length === 1 && processesOf(stage, /(cli\.ts|daemonkit) run /).length > 0);
    stage.write("daemon.toml", ONE);
    await until(() => processesOf(stage, /sleep 1001 /).length === 1);
    assert.equal((await stage.cli("down")).code, 0);
    assert.deepEqual(processesOf(stage, /sleep|guardian/), []);
  },
);

e2e("kill -9 under a guardian while the file has another name: nothing of before runs beside it", async (stage) => {
  stage.write("daemon.toml", ONE);
  assert.equal((await stage.cli("up")).code, 0);
  const pid = await pidOf(stage);
  stage.write("daemon.toml", ONE.replace(/name = "\w+"/, 'name = "renamed"').replace("1001", "1002"));
  process.kill(pid, "SIGKILL");
  await until(() => processesOf(stage, /sleep 1002 /).length === 1);
  assert.equal(processesOf(stage, /sleep 1001 /).length, 0);
  assert.match((await stage.cli("status")).stdout, /^renamed {2}running/);
  assert.equal((await stage.cli("down")).code, 0);
  assert.deepEqual(processesOf(stage, /sleep|guardian/), []);
});

e2e("kill -9 under a guardian while the file is empty: the last configuration in force goes on", async (stage) => {
  const path = stage.write("daemon.toml", ONE);
  assert.equal((await stage.cli("up")).code, 0);
  const pid = await pidOf(stage);
  stage.write("daemon.toml", "");
  process.kill(pid, "SIGKILL");
  await until(() => /until the file is right/.test(daemonLogOf(stage)));
  const seen = await until(() => stage.cli("status"), { isRight: ({ stdout }) => /a {5}running/.test(stdout) });
  assert.match(seen.stdout, /as the file can't be used: .*empty/);
  await until(() => processesOf(stage, /sleep 1001 /).length === 1);

  // In the folder of the file nobody has to name it, be it there or not, and whoever else runs.
  rmSync(path);
  stage.write("other.toml", ONE.replace("1001", "1003"));
  assert.equal((await stage.cli("up", "other.toml")).code, 0);
  assert.equal((await stage.cli("down")).code, 0);
  assert.equal(processesOf(stage, /sleep 1001 /).length, 0);
  assert.equal(processesOf(stage, /sleep 1003 /).length, 1);
  assert.equal((await stage.cli("down", "-c", "other.toml")).code, 0);
  assert.deepEqual(processesOf(stage, /sleep|guardian/), []);
});

e2e("in a guardian's pause: status and up say what is going on, up ends it, and run does not start beside it", async (stage) => {
  stage.write("daemon.toml", ONE);
  assert.equal((await stage.cli("up")).code, 0);
  // The second death in a row makes a pause that commands have time to see.
  const kill = async () => {
    const pid = await pidOf(stage);
    process.kill(pid, "SIGKILL");
    await until(() => !isRunning(pid));
  };
  for (const deaths of [1, 2, 3]) {
    await kill();
    await until(() => daemonLogOf(stage).match(/guardian: the daemon has died/g)?.length === deaths);
    if (deaths < 3) assert.equal((await stage.cli("up")).code, 0);
  }
  const pause = join(runFolderOf(stage), "pause");
  await until(() => existsSync(pause) && /^137 3 /.test(readFileSync(pause, "utf8")));
  // Held, so that the pause has no end before everybody has looked.
  const [guardian] = processesOf(stage, /guardian\.sh/);
  process.kill(guardian, "SIGSTOP");
  const status = await stage.cli("status");
  assert.equal(status.code, 3, status.stdout);
  assert.match(status.stderr, /has died with 137, 3 times in a row, and its guardian \(process \d+\) starts it again within 4 s/);
  const run = await stage.cli("run");
  assert.equal(run.code, 1);
  assert.match(run.stderr, /nobody else may be about to: it has died with 137/);
  const up = stage.start("up");
  await up.until(/its guardian \(process \d+\) starts it again within 4 s; it is told to do so now/);
  process.kill(guardian, "SIGCONT");
  const { code, stderr } = await up.ended;
  assert.equal(code, 0, stderr);
  await until(() => processesOf(stage, /sleep 1001 /).length === 1);
  assert.equal(processesOf(stage, /guardian\.sh/).length, 1);
  await kill();
  const down = await stage.cli("down");
  assert.equal(down.code, 0, down.stderr);
  assert.deepEqual(processesOf(stage, /sleep|guardian/), []);
  assert.equal((await stage.cli("status")).code, 3);
});

e2e("while what an earlier daemon left is ended: status says what is waited for, and wait waits", async (stage) => {
  stage.write(
    "daemon.toml",
    `name = "slow"\n[service.deaf]\nrun = "trap '' TERM; echo up; while :; do sleep 0.05; done"\nready = { log = "up" }\nstop = { timeout = "60s" }\n`,
  );
  const first = await stage.startDaemon();
  first.kill("SIGKILL");
  await first.ended;
  stage.start("run");
  const status = await until(() => stage.cli("status"), { isRight: ({ code }) => code === 0 });
  const left = Number(/starting .*\nends what an earlier daemon left: deaf \(pid (\d+)/.exec(status.stdout)?.[1]);
  assert.ok(left > 0, status.stdout);
  const start = await stage.cli("start", "deaf");
  assert.match(start.stderr, /as the daemon ends what an earlier daemon left: deaf \(pid \d+/);
  assert.equal((await stage.cli("wait", "deaf", "--timeout", "100ms")).code, 124);
  const waiting = stage.cli("wait", "deaf");
  process.kill(left, "SIGKILL");
  const wait = await waiting;
  assert.deepEqual([wait.code, wait.stdout], [0, "deaf  ready\n"], wait.stderr);
  assert.doesNotMatch((await stage.cli("status")).stdout, /earlier daemon/);
});

e2e(
  "a folder, a circle of links, an unreadable file and an empty one: 6, with what is wrong; a name too long for its socket is refused by validate",
  async (stage) => {
    mkdirSync(join(stage.folder, "conf"));
    for (const args of [["up", "conf"], ["run", "conf"], ["validate", "conf"], ["up", "-c", "conf"], ["config", "show", "-c", "conf"]]) {
      const { code, stderr } = await stage.cli(...args);
      assert.equal(code, 6, `${args.join(" ")}: ${stderr}`);
      assert.match(stderr, /\/conf is a folder: name a file, as .*\/conf\/daemon\.toml/);
    }
    symlinkSync("two.toml", join(stage.folder, "one.toml"));
    symlinkSync("one.toml", join(stage.folder, "two.toml"));
    for (
      const args of [["up", "one.toml"], ["up", "-c", "one.toml"], ["run", "one.toml"], ["validate", "one.toml"], [
        "status",
        "-c",
        "one.toml",
      ]]
    ) {
      const { code, stderr } = await stage.cli(...args);
      assert.equal(code, args[0] === "status" ? 3 : 6, `${args.join(" ")}: ${stderr}`);
      if (args[0] !== "status") assert.match(stderr, /one\.toml as links there lead in a circle/);
    }
    if (process.getuid!() !== 0) {
      writeFileSync(join(stage.folder, "secret.toml"), ONE, { mode: 0o000 });
      assert.equal((await stage.cli("up", "secret.toml")).code, 6);
    }
    for (const text of ["", " \n\t", "# later\n  # more\n"]) {
      stage.write("daemon.toml", text);
      const { code, stderr } = await stage.cli("up");
      assert.equal(code, 6, stderr);
      assert.match(stderr, /daemon\.toml:1:1: .*got an empty file/);
    }
    stage.write("daemon.toml", `name = "${"n".repeat(63)}"\n[service.a]\nrun = ["sleep", "1001"]\n`);
    stage.env.XDG_RUNTIME_DIR = join(stage.folder, "..", "run-of-some-length");
    for (const verb of ["validate", "up", "run"]) {
      const { code, stderr } = await stage.cli(verb);
      assert.equal(code, 6, `${verb}: ${stderr}`);
      assert.match(stderr, /its path must be at most 100 bytes: current value is .*n+-[0-9a-f]{8}\/admin\.sock/);
    }
  },
);
