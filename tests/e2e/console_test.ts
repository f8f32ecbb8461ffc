/** A console that nobody reads, that is read late, and whose terminal is gone. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { e2e } from "./driver.ts";
import { type Output, pipeOutput, startOn, terminalOutput } from "./outputs.ts";
import { until } from "../until.ts";

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
    const { code, stdout } = await stage.cli("status", "--json");
    assert.equal(code, 0);
    const { units } = JSON.parse(stdout) as { units: { name: string; restarts: number }[] };
    assert.ok(units.some(({ name, restarts }) => name === "crashy" && restarts > 0), stdout);
    assert.equal((await stage.cli("restart", "noisy")).code, 0);
    process.kill(daemon.pid, "SIGTERM");
    assert.equal(await daemon.ended, 0);
  });
}

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
