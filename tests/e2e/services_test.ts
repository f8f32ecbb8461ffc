/** Settings of services, on real programs. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { nicerBy } from "../niceness.ts";
import { until } from "../until.ts";
import { e2e } from "./driver.ts";
import { unitsOf, untilUnits } from "./units.ts";

e2e("umask, nice, rlimits and oom_score_adj are the program's and its probe's from the first instruction on", async (stage) => {
  const look = "umask; nice; ulimit -Sn; ulimit -Hn; ulimit -c; cat /proc/self/oom_score_adj";
  stage.write(
    "daemon.toml",
    `name = "limits"\n[service.x]\nrun = "${look}; exec sleep 1000"\numask = "027"\nnice = 3\noom_score_adj = 500\n` +
      `rlimits = { nofile = { soft = 64, hard = 128 }, core = 0 }\nready = { exec = "{ ${look}; } > seen" }\n`,
  );
  const daemon = await stage.startDaemon();
  const expected = ["0027", String(nicerBy(3)), "64", "128", "0", "500"];
  // The probe may be quicker than the program.
  const linesOfLog = async () => (await stage.cli("logs", "x")).stdout.trim().split("\n").map((line) => line.split(" ").at(-1));
  assert.deepEqual(await until(linesOfLog, { isRight: (lines) => lines.length >= expected.length }), expected);
  assert.deepEqual(readFileSync(join(stage.folder, "seen"), "utf8").trim().split("\n"), expected);
  daemon.kill("SIGTERM");
  assert.equal((await daemon.ended).code, 0);
});

e2e("a limit that is refused means not started: the error names key and value, and the policy tries again", async (stage) => {
  stage.write(
    "daemon.toml",
    `name = "refused"\n[service.x]\nrun = "echo ran > ran"\nrlimits = { nofile = 9007199254740000 }\n` +
      `restart = { delay = "10ms", max_restarts = 2 }\n[service.y]\nrun = ["sleep", "1000"]\n`,
  );
  const daemon = await stage.startDaemon();
  const { x } = await untilUnits(stage, ({ x }) => x.state === "fatal");
  assert.match(x.reason, /rlimits\.nofile must be at most \d+, .*: current value is 9007199254740000/);
  assert.equal(x.details.spawnFailures, 3);
  assert.equal((await unitsOf(stage)).y.state, "running");
  daemon.kill("SIGTERM");
  assert.equal((await daemon.ended).code, 0);
});

// Acceptance runner 79: an essential service that is fatal: the rest stops, and the exit code is its own.
e2e("runner 79: an essential service that fails for good stops the rest, and the daemon exits with its code", async (stage) => {
  const others = `[service.a]\nrun = "trap 'echo a told; exit 0' TERM; echo up; while :; do sleep 0.02; done"\nready = { log = "up" }\n` +
    `[service.b]\nrun = "trap 'echo b told; exit 0' TERM; echo up; while :; do sleep 0.02; done"\nready = { log = "up" }\nafter = ["a"]\n`;
  stage.write("fails.ts", "export default () => { throw new Error('no'); };\n");
  const bad: [keys: string, code: number, reason: RegExp][] = [
    [`run = "exit 7"\nrestart = "never"`, 7, /exited with code 7/],
    [`run = "exit 8"\nrestart = { delay = "1ms", max_restarts = 2 }`, 8, /exited with code 8/],
    [`run = "kill -KILL $$"\nrestart = "never"`, 137, /was ended by SIGKILL/],
    [`run = ["/no/such/program"]\nrestart = "never"`, 1, /no file \/no\/such\/program/],
    [`module = "fails.ts"\nrestart = "never"`, 1, /failed: no/],
    [`run = "exit 9"\nready = { log = "never" }\nrestart = "never"`, 9, /exited with code 9/],
  ];
  for (const [keys, code, reason] of bad) {
    stage.write("daemon.toml", `name = "essential"\n${others}[service.x]\nessential = true\nafter = ["b"]\n${keys}\n`);
    const end = await stage.cli("run");
    assert.equal(end.code, code, `${keys}\n${end.stderr}`);
    assert.match(end.stderr, reason);
    assert.deepEqual(end.stdout.match(/[ab] told/g), ["b told", "a told"], keys);
  }
});

e2e("an essential service that ends well, or is stopped by an operator, stops nothing", async (stage) => {
  stage.write(
    "daemon.toml",
    `name = "fine"\n[service.once]\nrun = "true"\nessential = true\n[service.x]\nrun = ["sleep", "1000"]\nessential = true\n`,
  );
  const daemon = await stage.startDaemon();
  await untilUnits(stage, ({ once }) => once.state === "completed");
  assert.equal((await stage.cli("stop", "x")).code, 0);
  assert.equal((await unitsOf(stage)).x.state, "stopped");
  daemon.kill("SIGTERM");
  assert.equal((await daemon.ended).code, 0);
});

e2e("what was skipped as something before it failed for good starts when that becomes ready after a later start", async (stage) => {
  const service = (name: string, after: string) => `[service.${name}]\nrun = ["sleep", "1000"]\nafter = ["${after}"]\n`;
  stage.write(
    "daemon.toml",
    `name = "revive"\n[service.steady]\nrun = ["sleep", "1000"]\n` +
      `[service.db]\nrun = "[ -e disk ] || { echo no disk; exit 9; }; echo up; exec sleep 1000"\nready = { log = "up" }\n` +
      `restart = { delay = "1ms", max_restarts = 1 }\n${service("web", "db")}${service("edge", "web")}${service("off", "db")}`,
  );
  const daemon = await stage.startDaemon();
  const before = await untilUnits(stage, ({ edge, off }) => edge.state === "skipped" && off.state === "skipped");
  assert.deepEqual(["db", "web", "edge", "off"].map((name) => [before[name].state, before[name].reason]), [
    ["fatal", before.db.reason],
    ["skipped", `db failed for good: ${before.db.reason.replace("db ", "")}`],
    ["skipped", before.web.reason],
    ["skipped", `db failed for good: ${before.db.reason.replace("db ", "")}`],
  ]);
  assert.match(before.db.reason, /exited with code 9/);
  // Nothing has changed, so nothing is revived.
  assert.equal((await stage.cli("start", "db")).code, 1);
  await untilUnits(stage, ({ web }) => web.state === "skipped");
  assert.equal((await stage.cli("stop", "off")).code, 0);

  stage.write("disk", "");
  assert.equal((await stage.cli("start", "db")).code, 0);
  assert.equal((await stage.cli("wait", "edge", "--for", "started", "--timeout", "10s")).code, 0);
  const after = await unitsOf(stage);
  assert.deepEqual(["db", "web", "edge"].map((name) => after[name].state), ["running", "running", "running"]);
  // An operator wants it down, whatever it comes after.
  assert.deepEqual([after.off.desired, after.off.details.pid], ["down", null]);
  daemon.kill("SIGTERM");
  assert.equal((await daemon.ended).code, 0);
});

e2e("variables that are no UTF-8, and those that the shell drops, are named once at the start, and what is well arrives", async (stage) => {
  const list = ["env"];
  stage.write(
    "daemon.json",
    JSON.stringify({
      name: "rawenv",
      service: { list: { run: list, restart: "never" }, text: { run: "exec env", restart: "never" } },
    }),
  );
  Object.assign(stage.env, { "spring.url": "jdbc:x", OK: "ja" });
  const first = await stage.startDaemon();
  const isDash = realpathSync("/bin/sh").endsWith("/dash");
  assert.equal(/dropped by this system's \/bin\/sh.*names=spring\.url services=text/.test(first.stderr()), isDash, first.stderr());
  await until(async () => (await stage.cli("logs", "list")).stdout.includes("spring.url=jdbc:x"));
  assert.equal((await stage.cli("down")).code, 0);

  // Nothing but a shell can set such a variable.
  const second = stage.startThrough(`RAWVAR=$(printf 'caf\\351'); export RAWVAR; exec "$0" "$@"`, "run");
  await second.until(/every unit has started/);
  await until(async () => (await stage.cli("logs", "list")).stdout.includes("OK=ja"));
  assert.doesNotMatch((await stage.cli("logs")).stdout, /RAWVAR|caf/);
  assert.match(second.stderr(), /are no UTF-8, and no service gets them.*RAWVAR/);
  assert.equal((await stage.cli("down")).code, 0);
});

if (process.geteuid?.() === 0) {
  e2e("as root, a service of a user is in the groups of that user and inherits no secret", async (stage) => {
    const lines = readFileSync("/etc/group", "utf8").split("\n").flatMap((line) => (line.split(":")[3] ?? "").split(","));
    const user = lines.find((name) => name !== "" && name !== "root");
    if (user === undefined) return; // nobody here is in a group beside his own
    Object.assign(stage.env, { TOKEN: "secret", TZ: "UTC" });
    const run = 'id -G; echo "[$TOKEN] [$TZ] [$USER]"; exec sleep 1000';
    stage.write("daemon.json", JSON.stringify({ name: "groups", service: { show: { run, user, cwd: "/", ready: { log: "UTC" } } } }));
    await stage.startDaemon();
    const { stdout } = await stage.cli("logs", "show");
    const [groups, words] = stdout.trim().split("\n").map((line) => line.slice(line.indexOf("| ") + 2).replace(/^show +/, ""));
    const expected = execFileSync("id", ["-G", user], { encoding: "utf8" }).trim();
    assert.deepEqual(groups.split(" ").sort(), expected.split(" ").sort());
    assert.equal(words, `[] [UTC] [${user}]`);
    assert.equal((await stage.cli("down")).code, 0);
  });
}
