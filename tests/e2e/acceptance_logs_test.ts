import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { LogLine } from "../../src/core/wire/line_block.ts";
import { e2e, e2eOnce, type Stage } from "./driver.ts";
import { unitsOf, untilUnits } from "./units.ts";
import { until } from "../until.ts";

/** Looks at a file again and again until it is as it should be; nothing tells when another process has written. */
async function untilFile(path: string, isRight: (text: string) => boolean, minBytes = 0): Promise<string> {
  const look = () => existsSync(path) && statSync(path).size >= minBytes ? readFileSync(path, "utf8") : "";
  return await until(look, { isRight, context: () => path });
}

/** The lines of a log and of its older files, oldest first. */
function wholeLog(path: string): string {
  const [folder, name] = [path.slice(0, path.lastIndexOf("/")), path.slice(path.lastIndexOf("/") + 1)];
  const older = readdirSync(folder).filter((each) => each.startsWith(`${name}.`)).map((each) => Number(each.slice(name.length + 1)));
  const paths = [...older.sort((one, other) => other - one).map((number) => `${path}.${number}`), path];
  return paths.map((each) => readFileSync(each, "utf8")).join("");
}

/** A service that prints `line N` whenever it gets SIGHUP. */
const ON_SIGNAL = `n=0; trap 'n=$((n+1)); echo line $n' HUP; echo up; while :; do sleep 1000 & wait; done`;

/** Lets that service print, and waits until a file has the line. */
async function printTo(stage: Stage, path: string, line: string): Promise<void> {
  assert.equal((await stage.cli("signal", "HUP", "x")).code, 0);
  await untilFile(path, (text) => text.includes(`${line}\n`));
}

// Acceptance runner 1: what can't be started is a named error and a failed attempt, the daemon is fine.
e2e("runner 1: a service whose log file is a folder fails by name at each start, and the daemon and the others are fine", async (stage) => {
  mkdirSync(join(stage.folder, "taken.log"));
  stage.write(
    "daemon.toml",
    `name = "bad"\n[service.bad]\nrun = "echo ran > ran"\nrestart = "never"\nlog.file = "taken.log"\n[service.good]\nrun = ["sleep", "1000"]\n`,
  );
  const daemon = await stage.startDaemon();
  const { bad, good } = await unitsOf(stage);
  assert.deepEqual([bad.state, bad.details.spawnFailures, good.state], ["failed", 1, "running"]);
  assert.match(bad.reason, /taken\.log as it is a folder/);
  assert.equal(existsSync(join(stage.folder, "ran")), false);
  rmSync(join(stage.folder, "taken.log"), { recursive: true });
  await stage.cli("start", "bad");
  await untilFile(join(stage.folder, "ran"), (text) => text === "ran\n");
  daemon.kill("SIGTERM");
  assert.equal((await daemon.ended).code, 0);
});

// Acceptance runner 39: a line of 50 MB without an end: bounded memory, split, continues.
e2e("runner 39: a line of 50 MB without an end takes bounded memory, comes in pieces, and what follows still comes", async (stage) => {
  stage.write(
    "daemon.toml",
    `name = "long"\n[service.x]\nrun = "head -c 50000000 /dev/zero | tr '\\\\0' x; echo; echo after; exec sleep 1000"\n` +
      `log = { file = "x.log", format = "raw", max_size = "100MB" }\n`,
  );
  const daemon = await stage.startDaemon();
  const path = join(stage.folder, "x.log");
  const text = await untilFile(path, (text) => text.endsWith("after\n"), 50_000_000);
  assert.ok(text === `${"x".repeat(50_000_000)}\nafter\n`, "a raw file is what was printed");
  const lines = (await stage.cli("logs", "x", "--json", "-n", "3")).stdout.trimEnd().split("\n");
  // The place of the cut depends on when the text comes: a text without an end is shown after a while, as a prompt would be.
  const [before, last, after] = lines.map((line) => (JSON.parse(line) as LogLine).text);
  assert.ok([before, last].every((text) => /^x+$/.test(text) && text.length <= 65_536));
  assert.equal(after, "after");
  const { residentBytes } = JSON.parse((await stage.cli("status", "--json")).stdout);
  assert.ok(residentBytes < 400_000_000, `${residentBytes}`);
  daemon.kill("SIGTERM");
  assert.equal((await daemon.ended).code, 0);
});

e2e("a raw log file holds the bytes that a program printed, and logs shows text", async (stage) => {
  stage.write(
    "daemon.toml",
    `name = "odd"\n[service.x]\nrun = "printf 'caf\\\\351\\\\r\\\\n\\\\377\\\\000 nul\\\\n> '; until [ -e go ]; do sleep 0.02; done; printf 'yes\\\\n\\\\r50%%'"\nrestart = "never"\n` +
      `log = { file = "x.log", format = "raw" }\n`,
  );
  const daemon = await stage.startDaemon();
  // It waits at its prompt until that has come.
  await daemon.until(/^x \| > /m);
  stage.write("go", "");
  await untilUnits(stage, ({ x }) => x.state === "completed");
  const { stdout } = await stage.cli("logs", "x", "--json");
  const texts = stdout.trimEnd().split("\n").map((line) => (JSON.parse(line) as LogLine).text);
  assert.deepEqual(texts, ["caf\ufffd", "\ufffd\0 nul", "> ", "yes", "\r50%"]);
  daemon.kill("SIGTERM");
  assert.equal((await daemon.ended).code, 0);
  assert.equal(readFileSync(join(stage.folder, "x.log"), "latin1"), "caf\xe9\r\n\xff\0 nul\n> yes\n\r50%");
});

// Acceptance runner 40: 100,000 lines and the end: every line is stored, in order.
e2e("runner 40: 100,000 lines and the end: all are in the log, in order, none lost or doubled by a rotation", async (stage) => {
  stage.write(
    "daemon.toml",
    `name = "many"\n[service.x]\nrun = "seq 1 100000; echo 'the end' >&2"\nrestart = "never"\n[service.x.log]\n` +
      `file = "logs/x.log"\nmax_size = "40KB"\nkeep = 100\n`,
  );
  const daemon = await stage.startDaemon();
  await untilUnits(stage, ({ x }) => x.state === "completed");
  daemon.kill("SIGTERM");
  const { code, stdout } = await daemon.ended;
  assert.equal(code, 0);
  const lines = wholeLog(join(stage.folder, "logs/x.log")).trimEnd().split("\n");
  const numbers = lines.filter((line) => line.includes(" stdout ")).map((line) => Number(/^\S+Z stdout (\d+)$/.exec(line)![1]));
  assert.deepEqual(numbers, Array.from({ length: 100_000 }, (_, index) => index + 1));
  assert.equal(lines.filter((line) => line.endsWith("Z stderr the end")).length, 1);
  assert.equal(stdout.match(/^x \| \d+$/gm)!.length, 100_000);
  const names = readdirSync(join(stage.folder, "logs"));
  assert.ok(names.length > 50 && names.length < 101, `${names.length}`);
});

// Acceptance runner 42: a log file that was removed or renamed outside is made anew; USR2 reopens.
e2e(
  "runner 42: a log file that was removed or renamed outside is made anew, and SIGUSR2 opens what was put in its place",
  async (stage) => {
    stage.write(
      "daemon.toml",
      `name = "moved"\n[service.x]\nrun = ${JSON.stringify(ON_SIGNAL)}\nlog = { file = "x.log", format = "raw" }\n`,
    );
    const daemon = await stage.startDaemon();
    const path = join(stage.folder, "x.log");
    await untilFile(path, (text) => text === "up\n");
    renameSync(path, `${path}.old`);
    await printTo(stage, path, "line 1");
    rmSync(path);
    await printTo(stage, path, "line 2");
    renameSync(path, `${path}.older`);
    daemon.kill("SIGUSR2");
    await untilFile(path, () => existsSync(path));
    await printTo(stage, path, "line 3");
    assert.deepEqual([`${path}.old`, `${path}.older`, path].map((each) => readFileSync(each, "utf8")), ["up\n", "line 2\n", "line 3\n"]);
    daemon.kill("SIGTERM");
    assert.equal((await daemon.ended).code, 0);
  },
);

// Acceptance runner 43: disk full: services run on, drops are counted, one warning a minute, recovery.
e2e("runner 43: while the disk is full services run on, drops are counted and warned of once, and afterwards logs go on", async (stage) => {
  // The second burst is dropped: by then there is more than may wait.
  const burst =
    "i=0; while [ $i -lt 5000 ]; do i=$((i+1)); echo $0 $i xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done";
  stage.write("burst.sh", `${burst}\n`);
  stage.write(
    "daemon.toml",
    `name = "full"\n[service.x]\nrun = "sh burst.sh; echo all printed; trap 'echo again' HUP; while :; do sleep 1000 & wait; done"\n` +
      `log = { file = "x.log", format = "raw" }\n`,
  );
  const path = join(stage.folder, "x.log");
  symlinkSync("/dev/full", path);
  const daemon = await stage.startDaemon();
  await daemon.until(/all printed/);
  await daemon.until(/lines of units were dropped .*units=x .*disk is full/);
  const { x } = await unitsOf(stage);
  assert.equal(x.state, "running");
  symlinkSync(join(stage.folder, "real.log"), `${path}.new`);
  renameSync(`${path}.new`, path);
  await untilFile(path, (text) => text.includes("daemonkit: "));
  await printTo(stage, path, "again");
  const lines = readFileSync(path, "utf8").trimEnd().split("\n");
  const [, dropped] = /^daemonkit: (\d+) lines were dropped here/.exec(lines.find((line) => line.startsWith("daemonkit"))!)!;
  assert.equal(lines.filter((line) => line.startsWith("burst.sh")).length + Number(dropped), 5_001);
  assert.deepEqual(lines.slice(-1), ["again"]);
  daemon.kill("SIGTERM");
  const { code, stderr } = await daemon.ended;
  const told = [...stderr.matchAll(/WARN .*lines of units were dropped dropped=(\d+)/g)].map(([, count]) => Number(count));
  assert.deepEqual([code, told.reduce((sum, count) => sum + count, 0)], [0, Number(dropped)]);
  assert.ok(told.length <= 2, "one at once, and what is left at the end");
});

// Acceptance runner 47: a character of several bytes that is cut by a read stays whole.
// Acceptance runner 48: a missing folder of a log is made.
e2e("runner 47 and 48: a character that is cut by a read stays whole in the log, whose folder is made", async (stage) => {
  stage.write(
    "daemon.toml",
    `name = "cut"\n[service.x]\nrun = "printf 'a\\\\303'; sleep 0.2; printf '\\\\244\\\\n'; exec sleep 1000"\n` +
      `log = { file = "no/such/folder/x.log", format = "raw" }\n`,
  );
  const daemon = await stage.startDaemon();
  assert.equal(await untilFile(join(stage.folder, "no/such/folder/x.log"), (text) => text.endsWith("\n")), "aä\n");
  daemon.kill("SIGTERM");
  assert.equal((await daemon.ended).code, 0);
});

// Acceptance runner 40: 100,000 lines and the end: every line is stored, in order.
e2e("the end of the daemon loses nothing of a service that prints at full speed until it is stopped", async (stage) => {
  const run = `trap 'stop=1' TERM; n=0; while [ -z "$stop" ]; do n=$((n+1)); echo $n; done; echo end $n`;
  stage.write(
    "daemon.toml",
    `name = "busy"\n[service.x]\nrun = ${JSON.stringify(run)}\ninstances = 2\n` +
      `log = { file = "{instance}.log", max_size = "50KB", keep = 1000, format = "raw" }\n`,
  );
  const daemon = await stage.startDaemon();
  for (const name of ["0.log.1", "1.log.1"]) await untilFile(join(stage.folder, name), (text) => text !== "");
  daemon.kill("SIGTERM");
  assert.equal((await daemon.ended).code, 0);
  for (const name of ["0.log", "1.log"]) {
    const lines = wholeLog(join(stage.folder, name)).trimEnd().split("\n");
    const last = lines.pop();
    assert.equal(last, `end ${lines.length}`);
    assert.deepEqual(lines, lines.map((_, index) => String(index + 1)));
  }
});

e2e("a follower that does not read slows no service, takes bounded memory, and is told what it missed", async (stage) => {
  stage.write(
    "daemon.toml",
    `name = "stuck"\n[logging]\nlevel = "info"\n[service.x]\nrun = "while [ ! -e go ]; do sleep 0.02; done; seq 1 400000; exec sleep 1000"\n` +
      `log = { file = "x.log", format = "raw" }\n`,
  );
  const daemon = await stage.startDaemon();
  const [id] = readdirSync(join(stage.folder, "../run/daemonkit"));
  const follower = connect(join(stage.folder, "../run/daemonkit", id, "admin.sock"));
  try {
    follower.setEncoding("utf8");
    follower.write("GET /v1/logs?follow=1&n=0 HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n");
    await new Promise((resolve) => follower.once("readable", resolve));
    stage.write("go", "");
    await untilFile(join(stage.folder, "x.log"), (text) => text.endsWith("\n400000\n"));
    const { residentBytes, units: [{ state }] } = JSON.parse((await stage.cli("status", "--json")).stdout);
    assert.equal(state, "running");
    assert.ok(residentBytes < 400_000_000, `${residentBytes}`);

    // From now on it reads, and has to come to the number of lines that were printed.
    const pieces: string[] = [];
    let isClosed = false;
    follower.on("data", (piece: string) => pieces.push(piece)).on("close", () => isClosed = true);
    const count = () => {
      const whole = pieces.join("").replace(/\r\n[0-9a-f]+\r\n/g, ""); // where HTTP has cut the answer into chunks
      const came = whole.match(/^data: .*"text":"\d+"/gm)?.length ?? 0;
      return { came, dropped: [...whole.matchAll(/"dropped":(\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0) };
    };
    const isRight = ({ came, dropped }: { came: number; dropped: number }) => isClosed || came + dropped === 400_000;
    const { came, dropped } = await until(count, { isRight, go: () => setTimeout(200) });
    assert.equal(came + dropped, 400_000);
    assert.ok(dropped > 0);
  } finally {
    follower.destroy();
  }
  daemon.kill("SIGTERM");
  assert.equal((await daemon.ended).code, 0);
});

e2eOnce("logs of several services come in the order of time, only those that were asked for, and as JSON", async (stage) => {
  const say = (name: string) => `[service.${name}]\nrun = "while :; do echo ${name}; sleep 0.05; done"\n`;
  stage.write("daemon.toml", `name = "many"\n${["a", "b", "c"].map(say).join("")}`);
  const daemon = await stage.startDaemon();
  for (const name of ["a", "b", "c"]) await daemon.until(new RegExp(`(${name} \\| ${name}[^]*){5}`));
  const { code, stdout } = await stage.cli("logs", "a", "b", "--json", "-n", "8");
  const lines = stdout.trimEnd().split("\n").map((line) => JSON.parse(line) as LogLine);
  assert.deepEqual([code, lines.length, [...new Set(lines.map(({ name }) => name))].sort()], [0, 8, ["a", "b"]]);
  assert.deepEqual(lines, lines.toSorted((one, other) => one.seq - other.seq));
  assert.ok(lines.every(({ time }, index) => index === 0 || time >= lines[index - 1].time));
  daemon.kill("SIGTERM");
  assert.equal((await daemon.ended).code, 0);
});
