import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { Program } from "../fixtures/spawn.ts";
import { test } from "../harness.ts";
import { until } from "../until.ts";

const run = (...args: string[]) => new Program(new URL("../fixtures/program.ts", import.meta.url), args);

test("run: SIGTERM, SIGINT and SIGQUIT stop gracefully, with 0 and the signal as reason", async () => {
  for (const signal of ["SIGTERM", "SIGINT", "SIGQUIT"] as const) {
    await using program = run("steady");
    await program.saw("running");
    program.signal(signal);
    assert.equal(await program.exited, 0, program.stderr);
    assert.deepEqual(program.lines.slice(0, 2), ["running", `stopping: received ${signal}`]);
    assert.equal(program.report().reason, `received ${signal}`);
  }
});

// Acceptance library 27: SIGTERM twice: forced with the report; in the same moment: one request.
test("run: two signals at the same moment are one request", async () => {
  await using program = run("slow-stop");
  await program.saw("running");
  program.signal("SIGTERM");
  program.signal("SIGTERM");
  assert.equal(await program.exited, 0, program.stderr);
  assert.ok(program.lines.includes("stopped"));
});

// Acceptance library 27: SIGTERM twice: forced with the report; in the same moment: one request.
test("run: a second signal forces, and a third one ends a run that ignores everything", async () => {
  await using program = run("deaf");
  await program.saw("running");
  program.signal("SIGTERM");
  await logged(program, "stopping", 150);
  program.signal("SIGTERM");
  await logged(program, "forcing the stop", 150);
  program.signal("SIGTERM");
  assert.equal(await program.exited, 1);
});

// Acceptance library 27: SIGTERM twice: forced with the report; in the same moment: one request.
test("run: a second signal a second later forces: the report is printed, names who stayed, and the exit code is 1", async () => {
  await using program = run("given-up");
  await program.saw("running");
  program.signal("SIGTERM");
  await logged(program, "stopping", 1_000);
  program.signal("SIGTERM");
  assert.equal(await program.exited, 1, program.stderr);
  const { exitCode, reason, unstopped } = program.report();
  assert.deepEqual([exitCode, reason, unstopped.map(({ path }) => path)], [1, "received SIGTERM", ["main"]]);
});

// Acceptance library 28: SIGTERM during the start.
test("run: a signal during the start stops what has started, with 0", async () => {
  await using program = run("slow-start");
  await program.saw("second starts");
  program.signal("SIGTERM");
  assert.equal(await program.exited, 0, program.stderr);
  assert.deepEqual(program.lines.slice(0, 4), ["running", "second starts", "second told", "stopping: received SIGTERM"]);
});

// Acceptance library 29: SIGTERM while the loop is blocked, for a while and for ever.
test("run: a signal that comes while the loop is blocked is handled when it is free again", async () => {
  await using program = run("blocked");
  await program.saw("blocking");
  program.signal("SIGTERM");
  assert.equal(await program.exited, 0, program.stderr);
  assert.ok(program.lines.indexOf("unblocked") < program.lines.indexOf("stopping: received SIGTERM"));
});

// Acceptance library 32: an unhandled rejection is attributed, exit 70.
test("run: an error that nobody handles is charged to its subsystem, and ends the daemon gracefully with 70", async () => {
  for (const [scenario, message] of [["stray-rejection", "nobody awaits this"], ["stray-throw", "thrown in a timer"]]) {
    await using program = run(scenario);
    assert.equal(await program.exited, 70, program.stderr);
    const { exitCode, errors } = program.report();
    assert.equal(exitCode, 70);
    assert.match(errors[0], new RegExp(`careless left an error unhandled: ${message}`));
    assert.ok(program.lines.some((line) => line.startsWith("stopping: ")));
  }
});

// Acceptance library 32: an unhandled rejection is attributed, exit 70.
test("run: an error of one among several is charged to it where the runtime tells, else to all who come into question", async () => {
  await using program = run("stray-among-others");
  assert.equal(await program.exited, 70, program.stderr);
  const who = "Deno" in globalThis ? "careless" : "one of quiet, careless";
  assert.match(program.report().errors[0], new RegExp(`as ${who} left an error unhandled: nobody awaits this`));
});

// Acceptance library 31: stdout closed during the shutdown.
test("run: a closed stdout does not change the exit code", async () => {
  await using program = run("steady");
  await program.saw("running");
  program.child.stdout!.destroy();
  program.child.stderr!.destroy();
  program.signal("SIGTERM");
  assert.equal(await program.exited, 0);
});

// Acceptance library 33: PID files: stale, live, and somebody else's at the end.
test("withPidFile: a stale file is replaced, a live one refuses the start, and only our own is removed", async () => {
  const folder = mkdtempSync(join(tmpdir(), "daemonkit-pid-"));
  try {
    const path = join(folder, "run", "my.pid");
    await using first = run("pid-file", path);
    await first.saw("running");
    assert.equal(Number(readFileSync(path, "utf8").trim().split("\n")[0]), first.child.pid);

    await using second = run("pid-file", path);
    assert.equal(await second.exited, 1);
    assert.match(second.report().errors[0], new RegExp(`${first.child.pid}`));
    assert.ok(existsSync(path));

    first.signal("SIGKILL");
    await first.exited;
    await using third = run("pid-file", path);
    await third.saw("running");
    writeFileSync(path, `${process.pid}\n`);
    third.signal("SIGTERM");
    assert.equal(await third.exited, 0, third.stderr);
    assert.equal(readFileSync(path, "utf8"), `${process.pid}\n`);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("run: a working folder is the base of relative paths, once, and one that is not there ends the process with 1", async () => {
  const folder = mkdtempSync(join(tmpdir(), "daemonkit-work-"));
  try {
    mkdirSync(join(folder, "sub"));
    writeFileSync(join(folder, "sub", "my.env"), "FROM_FILE=found\n");
    await using program = new Program(new URL("../fixtures/program.ts", import.meta.url), ["work-dir", "sub"], { cwd: folder });
    assert.equal(await program.exited, 0, program.stderr);
    const printed = program.lines.flatMap((line) => line.startsWith("pwd | ") ? [line.slice("pwd | ".length)] : []);
    assert.deepEqual(printed, [realpathSync(join(folder, "sub")), "found", String(program.child.pid)]);

    await using missing = run("work-dir", join(folder, "nothing"));
    assert.equal(await missing.exited, 1, missing.stderr);
    assert.match(missing.report().reason, /Cannot change to folder .*nothing/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** Waits until the log says so, then until a further signal counts as another request. */
async function logged(program: Program, text: string, pauseMs: number): Promise<void> {
  await until(() => program.stderr.includes(text) || program.child.exitCode !== null, { context: () => program.stderr });
  assert.ok(program.stderr.includes(text), `the process ended before it logged ${text}`);
  await new Promise((resolve) => setTimeout(resolve, pauseMs));
}
