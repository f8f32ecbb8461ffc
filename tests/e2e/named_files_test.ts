import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../until.ts";
import { e2e, e2eOnce } from "./driver.ts";
import { unitsOf } from "./units.ts";

const WEB = 'name = "named"\n[service.web]\nrun = ["sh", "-c", "echo \\"$TOKEN\\" >> seen; exec sleep 1000"]\nenv_file = ["app.env"]\n';

e2eOnce("what the file names is checked by validate and up, which start nothing, and told by run, which starts the rest", async (stage) => {
  stage.write("daemon.toml", `${WEB}restart = "never"\n[service.good]\nrun = ["sleep", "1000"]\n`);
  for (const command of ["validate", "up"]) {
    const { code, stderr } = await stage.cli(command);
    assert.equal(code, 6, stderr);
    assert.match(stderr, /daemon\.toml:4:13: service\.web\.env_file\[0\]: expected a file, got nothing at ".*app\.env"/);
  }
  assert.equal((await stage.cli("status")).code, 3);
  assert.equal((await stage.cli("validate", "--file-only")).code, 0);
  const daemon = await stage.startDaemon();
  assert.match(daemon.stderr(), /warning: daemon\.toml:4:13: service\.web\.env_file\[0\]/);
  const { web, good } = await unitsOf(stage);
  assert.deepEqual([web.state, good.state], ["failed", "running"]);
  daemon.kill("SIGTERM");
  assert.equal((await daemon.ended).code, 0);
});

e2e("a start that waits for a pipe says so, keeps nobody waiting, and goes on once it was written", async (stage) => {
  const path = join(stage.folder, "app.env");
  assert.equal(spawnSync("mkfifo", [path]).status, 0);
  stage.write("daemon.toml", `${WEB}[service.good]\nrun = ["sleep", "1000"]\n`);
  const daemon = stage.start("run");
  await until(async () => (await stage.cli("status")).stdout, { isRight: /web +starting .*waits for the end of its env_file .*app\.env/ });
  assert.equal((await unitsOf(stage)).good.state, "running");
  writeFileSync(path, "TOKEN=piped\n");
  await daemon.until(/every unit has started/);
  assert.equal((await unitsOf(stage)).web.details.probe, undefined);
  daemon.kill("SIGTERM");
  assert.equal((await daemon.ended).code, 0);
});

e2e(
  "what the daemon itself needs is checked before anything is started or stopped: folders, PID file, sockets, addresses, devices",
  async (stage) => {
    const GOOD = 'name = "named"\n[service.web]\nrun = ["sleep", "1000"]\n';
    const BAD = [
      'name = "named"',
      'work_dir = "none"',
      'state_dir = "/dev/null/state"',
      'pid_file = "precious"',
      "[service.web]",
      'run = ["sleep", "1000"]',
      'cwd = "/"',
      'env_file = ["/dev/zero", "/dev/null"]',
      "[listen.a]",
      `address = "unix:${stage.folder}/precious"`,
      "[listen.b]",
      'address = "192.0.2.1:9900"',
      "[listen.c]",
      `address = "unix:${stage.folder}/run/c.sock"`,
      'group = "no-such-group"',
      "",
    ].join("\n").replace('pid_file = "precious"', `pid_file = "${stage.folder}/precious"`);
    stage.write("precious", "text of somebody");
    stage.write("daemon.toml", BAD);
    const places = (stderr: string) => [...stderr.matchAll(/daemon\.toml:(\d+:\d+): ([^:]+):/g)].map(([, place, key]) => `${place} ${key}`);
    const whole = [
      "2:12 work_dir",
      "3:13 state_dir",
      "4:12 pid_file",
      "8:13 service.web.env_file[0]",
      "10:11 listen.a.address",
      "12:11 listen.b.address",
      "15:9 listen.c.group",
    ];
    for (const command of ["validate", "up"]) {
      const { code, stderr } = await stage.cli(command);
      assert.deepEqual([code, places(stderr).sort()], [6, [...whole].sort()], stderr);
    }
    assert.equal((await stage.cli("status")).code, 3);
    stage.write("daemon.toml", GOOD);
    const daemon = await stage.startDaemon();
    const { web: { details: { pid } } } = await unitsOf(stage);
    stage.write("daemon.toml", BAD);
    for (const args of [["reload", "--dry-run"], ["reload"]]) {
      const { code, stderr } = await stage.cli(...args);
      assert.deepEqual([code, places(stderr).sort()], [6, [...whole].sort()], stderr);
    }
    assert.equal((await unitsOf(stage)).web.details.pid, pid);
    assert.equal(readFileSync(join(stage.folder, "precious"), "utf8"), "text of somebody");
    daemon.kill("SIGTERM");
    assert.equal((await daemon.ended).code, 0);
  },
);

e2e("a healthy process is not stopped for one that can't start, and a changed env file is a change", async (stage) => {
  stage.write("app.env", "TOKEN=#first");
  stage.write("daemon.toml", WEB);
  const daemon = await stage.startDaemon();
  const pid = async () => (await unitsOf(stage)).web.details.pid;
  const before = await pid();
  for (const text of ["TOKEN='open", undefined]) {
    if (text === undefined) rmSync(join(stage.folder, "app.env"));
    else stage.write("app.env", text);
    const restart = await stage.cli("restart", "web");
    assert.deepEqual([restart.code, await pid()], [1, before], restart.stdout);
    assert.match(restart.stdout + restart.stderr, /refused.*app\.env/s);
    const reload = await stage.cli("reload");
    assert.deepEqual([reload.code, await pid()], [6, before], reload.stderr);
    assert.match(reload.stderr, /service\.web\.env_file\[0\]/);
  }
  stage.write("app.env", "TOKEN=#second");
  const reload = await stage.cli("reload");
  assert.equal(reload.code, 0, reload.stderr);
  assert.match(reload.stdout, /content of .*app\.env/);
  const seen = join(stage.folder, "seen");
  await until(() => existsSync(seen) && readFileSync(seen, "utf8").split("\n").length > 2);
  assert.equal(readFileSync(seen, "utf8"), "#first\n#second\n");
  assert.doesNotMatch(`${daemon.stderr()}${reload.stdout}`, /#second/);
  daemon.kill("SIGTERM");
  assert.equal((await daemon.ended).code, 0);
});

e2e("a script over several lines of a file from Windows runs as it was written, and odd names of variables arrive", async (stage) => {
  const lines = [
    'name = "odd"',
    "[service.job]",
    'run = """',
    "set -e",
    "if true; then",
    "  echo one",
    "fi",
    "echo two",
    '"""',
    'restart = "never"',
  ];
  const env = ["[service.env]", 'run = ["env"]', 'restart = "never"', 'env = { "a.b-c" = "1", constructor = "2", __proto__ = "3" }'];
  stage.write("daemon.toml", [...lines, ...env, ""].join("\r\n"));
  const { code, stdout } = await (async () => {
    const daemon = stage.start("run");
    await daemon.until(/job +\| two/);
    await daemon.until(/__proto__=3/);
    daemon.kill("SIGTERM");
    return await daemon.ended;
  })();
  assert.equal(code, 0);
  assert.match(stdout, /job +\| one\n/);
  for (const wanted of ["a.b-c=1", "constructor=2", "__proto__=3"]) assert.ok(stdout.includes(`| ${wanted}\n`), wanted);
});
