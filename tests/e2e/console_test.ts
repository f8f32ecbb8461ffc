/** A console that nobody reads, that is read late, and whose terminal is gone. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { e2e, isRunning } from "./driver.ts";
import { type Output, pipeOutput, startOn, terminalOutput } from "./outputs.ts";
import { until } from "../until.ts";
import { untilUnits } from "./units.ts";

const NOISY = `
name = "unread"
[service.noisy]
run = "while :; do seq 1 200000; done"
log = { file = "noisy.log", max_size = "3MB", keep = 2 }
[service.crashy]
run = "sleep 0.2; exit 1"
restart = { delay = "10ms" }
`;

const OUTPUTS: readonly (readonly [name: string, make: (stage: Parameters<typeof pipeOutput>[0]) => Output])[] = [
  ["pipe", pipeOutput],
  // Elsewhere terminals are made in other ways.
  ...process.platform === "linux" ? [["terminal", terminalOutput] as const] : [],
];

for (const [name, make] of OUTPUTS) {
  e2e(`a ${name} that nobody reads holds up neither services, nor log files, nor commands, nor the end`, async (stage, subject) => {
    stage.write("daemon.toml", NOISY);
    using output = make(stage);
    const daemon = startOn(stage, subject, output, "run");
    // Far more than waits for a reader, so that lines are dropped.
    await until(() => existsSync(join(stage.folder, "noisy.log.2")));
    assert.equal((await stage.cli("status", "--json")).code, 0);
    await untilUnits(stage, ({ crashy }) => crashy.restarts > 0);
    const restarted = await stage.cli("restart", "noisy");
    assert.equal(restarted.code, 0, restarted.stderr);
    process.kill(daemon.pid, "SIGTERM");
    assert.equal(await daemon.ended, 0);
  });
}

e2e("services that print without a pause keep nobody from the daemon: status, restart and SIGTERM are answered", async (stage) => {
  const noisy = (name: string) =>
    `[service.${name}]\nrun = "while :; do seq 1 200000; done"\nlog = { file = "${name}.log", max_size = "3MB", keep = 2 }\n`;
  stage.write("daemon.toml", `name = "flooded"\n${noisy("first")}${noisy("second")}`);
  // The console writes to /dev/null: a reader would set the pace.
  const daemon = stage.startThrough(`exec "$0" "$@" >/dev/null`, "run");
  await until(() => ["first", "second"].every((name) => existsSync(join(stage.folder, `${name}.log.2`))));
  for (const words of [["status"], ["restart", "first"]]) {
    const { code, stderr } = await stage.cli(...words);
    assert.equal(code, 0, stderr);
  }
  daemon.kill("SIGTERM");
  const { code, stderr } = await daemon.ended;
  assert.equal(code, 0, stderr);
});

e2e("a console that is read again says how many lines are missing, and goes on", async (stage, subject) => {
  stage.write("daemon.toml", `name = "late"\n[service.burst]\nrun = "seq 1 700000; echo over; touch over; sleep 1000"\n`);
  using output = pipeOutput(stage);
  const daemon = startOn(stage, subject, output, "run");
  await until(() => existsSync(join(stage.folder, "over")));
  await output.until(/ lines are missing here .* dropped=\d+\n/);
  const [, dropped] = / dropped=(\d+)\n/.exec(output.text())!;
  const shown = output.text().match(/^burst \| (?:\d+|over)$/gm)!.length;
  assert.equal(shown + Number(dropped), 700_001);
  process.kill(daemon.pid, "SIGTERM");
  await output.until(/ stopped reason/);
  assert.equal(await daemon.ended, 0);
});

// A terminal of the test's own is made as Linux does it.
if (process.platform === "linux") {
  e2e(
    "a daemon ends with its terminal, and its services with it; kill -HUP reloads while the terminal is there",
    async (stage, subject) => {
      stage.write(
        "daemon.toml",
        `name = "dev"\n[logging]\ncolor = false\n[service.web]\nrun = "echo \\"web $$\\"; while sleep 0.1; do echo tick; done"\n`,
      );
      const output = terminalOutput();
      const daemon = startOn(stage, subject, output, "run");
      await output.until(/tick/);
      process.kill(daemon.pid, "SIGHUP");
      await output.until(/reloading the configuration reason="received SIGHUP"/);
      await output.until(/configuration unchanged/);
      const service = Number(/web (\d+)/.exec(output.text())![1]);
      output[Symbol.dispose]();
      assert.equal(await daemon.ended, 0);
      assert.ok(!isRunning(service));
    },
  );

  e2e("a daemon in the background of a terminal runs on where what writes from there is to be stopped", async (stage, subject) => {
    stage.write("daemon.toml", `name = "job"\n[logging]\ncolor = false\n[service.web]\nrun = "while sleep 0.1; do echo tick; done"\n`);
    using output = terminalOutput();
    const job = ["sh", "-c", 'stty tostop; set -m; "$@" & echo "job $!"; wait; echo "code $?"', "sh"];
    const shell = startOn(stage, { ...subject, argv: (folder) => [...job, ...subject.argv(folder)] }, output, "run");
    await output.until(/tick/);
    process.kill(Number(/job (\d+)/.exec(output.text())![1]), "SIGTERM");
    await output.until(/code 0/);
    assert.equal(await shell.ended, 0);
  });
}

e2e("SIGHUP of a daemon without a terminal reloads", async (stage) => {
  stage.write("daemon.toml", `name = "dev"\n[service.web]\nrun = "sleep 1000"\n`);
  const daemon = await stage.startDaemon();
  daemon.kill("SIGHUP");
  await daemon.until(/configuration unchanged/);
  daemon.kill("SIGTERM");
  assert.equal((await daemon.ended).code, 0);
});

e2e("/dev/stdout and /dev/null are log files for all: nothing is rotated, refused, or shown twice", async (stage) => {
  const table = (name: string, file: string, more = "") =>
    `[service.${name}]\nrun = "seq -f '${name} %.0f' 1 300; sleep 1000"\nlog = { file = "${file}", format = "raw", max_size = "4KiB" }\n${more}`;
  stage.write(
    "daemon.toml",
    `name = "devices"\n${table("a", "/dev/stdout")}${table("b", "/dev/stdout", "instances = 2\n")}${table("c", "/dev/null")}${
      table("d", "/dev/null", "instances = 2\n")
    }${table("e", "/dev/stderr")}`,
  );
  const daemon = await stage.startDaemon();
  await daemon.until(/^e 300$/m);
  await daemon.until(/^a 300$/m);
  await daemon.until(/^b 300$[^]*^b 300$/m);
  daemon.kill("SIGTERM");
  const { code, stdout, stderr } = await daemon.ended;
  assert.equal(code, 0, stderr);
  const numbers = Array.from({ length: 300 }, (_, index) => index + 1);
  const linesOf = (text: string, name: string) => text.match(new RegExp(`^${name} \\d+$`, "gm")) ?? [];
  assert.deepEqual(linesOf(stdout, "a"), numbers.map((number) => `a ${number}`));
  assert.equal(linesOf(stdout, "b").length, 600);
  assert.deepEqual(linesOf(stderr, "e"), numbers.map((number) => `e ${number}`));
  assert.doesNotMatch(stdout, /[abe]\S* +\| [abe] /);
  assert.doesNotMatch(stderr, /rotated/);
});
