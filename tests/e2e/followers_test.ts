/** Commands that go on until Ctrl+C, or until nobody reads what they write. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { e2e, e2eOnce, type Program, type Stage, type Subject } from "./driver.ts";

const TICKING = `
name = "ticking"
[service.tick]
run = "echo up; while :; do sleep 0.05; echo tick; done"
[service.quiet]
run = "exec sleep 1000"
ready = { log = "never", timeout = "10m" }
`;

/** The driver's note on a program that a signal has ended; the program itself has said nothing. */
const BY_SIGNAL = "\n(ended by SIGINT)";

const FOLLOWERS: readonly (readonly [args: readonly string[], begun: RegExp])[] = [
  [["logs", "-f"], /tick/],
  [["logs", "-f", "--json"], /tick/],
  [["events", "-f"], /tick/],
  [["status", "--watch"], /NAME/],
  [["status", "--watch", "--json"], /"v":1/],
];

e2e("Ctrl+C ends whoever follows or waits, without a word, and the daemon goes on", async (stage) => {
  stage.write("daemon.toml", TICKING);
  const daemon = stage.start("run");
  await daemon.until(/tick/);
  const endings = FOLLOWERS.map(async ([args, begun]) => {
    const follower = stage.start(...args);
    await follower.until(begun);
    follower.kill("SIGINT");
    const { code, stderr } = await follower.ended;
    // The signal itself ends those that have nothing to put back; a shell shows both as 130.
    assert.deepEqual([code, stderr], args.includes("--watch") ? [130, ""] : [-1, BY_SIGNAL], args.join(" "));
  });
  await Promise.all(endings);
  const waiter = stage.start("wait", "quiet", "--timeout", "10m");
  await daemon.until(/tick[^]*tick/);
  waiter.kill("SIGINT");
  const { code, stdout, stderr } = await waiter.ended;
  assert.deepEqual([code, stdout, stderr], [-1, "", BY_SIGNAL]);
  assert.equal((await stage.cli("status")).code, 0);
});

e2e("whoever follows ends with 0 when nobody reads any more", async (stage) => {
  stage.write("daemon.toml", TICKING);
  const daemon = stage.start("run");
  await daemon.until(/tick/);
  const followers: Program[] = [];
  for (const [args, begun] of FOLLOWERS) {
    const follower = stage.start(...args);
    await follower.until(begun);
    follower.closeOutput();
    followers.push(follower);
  }
  assert.equal((await stage.cli("restart", "tick")).code, 0);
  for (const [index, follower] of followers.entries()) assert.equal((await follower.ended).code, 0, FOLLOWERS[index][0].join(" "));
});

e2eOnce("status --watch says that the daemon has ended, and ends with 0", async (stage) => {
  stage.write("daemon.toml", TICKING);
  const daemon = stage.start("run");
  await daemon.until(/tick/);
  const watcher = stage.start("status", "-w");
  await watcher.until(/NAME/);
  daemon.kill("SIGTERM");
  const { code, stderr } = await watcher.ended;
  assert.deepEqual([code, stderr], [0, `daemonkit: ticking (pid ${daemon.pid}) has ended\n`]);
});

/** Runs a command line on a terminal of 6 lines of 60 characters; `press` types, `until` waits for what is shown. */
function onTerminal(stage: Stage, subject: Subject, ...args: string[]) {
  const command = [...subject.argv(`${stage.folder}/..`), ...args].map((word) => `'${word}'`).join(" ");
  const child = spawn("script", ["-qefc", `stty cols 60 rows 6; exec ${command}`, "/dev/null"], { cwd: stage.folder, env: stage.env });
  let text = "";
  let look = () => {};
  child.stdout.setEncoding("utf8").on("data", (piece: string) => {
    text += piece;
    look();
  });
  return {
    ended: new Promise<number | null>((resolve) => child.on("close", resolve)),
    press: (keys: string) => void child.stdin.write(keys),
    text: () => text,
    until: (isThere: (text: string) => boolean) =>
      new Promise<void>((resolve) => {
        look = () => isThere(text) && resolve();
        look();
      }),
  };
}
const CTRL_C = "\x03";

if (spawnSync("script", ["--version"]).status === 0) {
  e2e("status --watch draws on a screen of its own on a terminal, and gives it back at Ctrl+C", async (stage, subject) => {
    stage.write("daemon.toml", TICKING);
    const daemon = stage.start("run");
    await daemon.until(/tick/);
    const watch = onTerminal(stage, subject, "status", "-w");
    await watch.until((text) => text.split("\x1b[H").length > 2);
    watch.press(CTRL_C);
    assert.equal(await watch.ended, 130, watch.text());
    const [entered, shown, left] = ["\x1b[?1049h", "NAME", "\x1b[?1049l"].map((part) => watch.text().indexOf(part));
    assert.ok(entered >= 0 && entered < shown && shown < left, watch.text());
    assert.match(watch.text().slice(left), /ticking[^]*NAME[^]*tick[^]*quiet/);
  });

  e2e("run on a terminal says after Ctrl+C who is waited for, and that another one forces; it does", async (stage, subject) => {
    stage.write(
      "daemon.toml",
      `name = "deaf"\n[service.x]\nrun = "trap '' TERM INT; echo up; while :; do sleep 0.05; done"\nstop = { timeout = "1m" }`,
    );
    const run = onTerminal(stage, subject, "run");
    await run.until((text) => /x \|.*up/.test(text));
    run.press(CTRL_C);
    await run.until((text) => text.includes("daemonkit: waiting for x to stop; Ctrl+C once more forces"));
    run.press(CTRL_C);
    assert.equal(await run.ended, 1, run.text());
    assert.match(run.text(), /forcing the stop/);
  });
}
