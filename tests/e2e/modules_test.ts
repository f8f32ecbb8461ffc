/** Modules as services, in real processes. */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { e2e, isRunning } from "./driver.ts";
import { unitsOf, untilUnits } from "./units.ts";
import { until } from "../until.ts";

e2e("a module runs with what it imports, says when it is ready, logs under its name, and stops when it is told", async (stage) => {
  mkdirSync(join(stage.folder, "lib"));
  stage.write(
    "lib/words.ts",
    `export enum Word { Hello = "hello" }\nexport const greet = (name: string): string => \`\${Word.Hello} \${name}\`;\n`,
  );
  stage.write(
    "api.ts",
    `import { greet } from "./lib/words.ts";
export const spec = { readiness: "manual" };
export default async (context: any): Promise<void> => {
  console.log(greet(context.name), context.run, process.env.WORD, process.env.PORT);
  context.log.warn("from inside", { n: 1 });
  await context.sleep("50ms");
  context.ready();
  await context.cancelled();
  console.log("told", context.timeRemaining() > 1000);
};
`,
  );
  stage.write(
    "daemon.toml",
    `name = "modules"\n[service.api]\nmodule = "./api.ts"\nport = 4000\nenv = { WORD = "word" }\n[service.after]\nrun = ["sleep", "1000"]\nafter = ["api"]\n`,
  );
  const daemon = await stage.startDaemon();
  const { api, after } = await unitsOf(stage);
  assert.deepEqual([api.state, api.ready, after.state], ["running", true, "running"]);
  await daemon.until(/WARN +modules\/api from inside n=1/);
  daemon.kill("SIGTERM");
  const { code, stdout, stderr } = await daemon.ended;
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^api +\| hello api 1 word 4000$/m);
  assert.match(stdout, /^api +\| told true$/m);
});

e2e("what is wrong with a module is its own failure, by name, and the daemon and the others are fine", async (stage) => {
  const modules: [name: string, text: string | undefined, reason: RegExp][] = [
    ["missing", undefined, /there must be a file: current value is ".*missing\.ts"/],
    ["syntax", "export default (", /Cannot load .*syntax\.ts/],
    ["nothing", "export const x = 1;", /default export must be .* current value is of type undefined/],
    [
      "throws",
      `export default () => { throw Object.assign(new TypeError("no database"), { code: "E_DB" }); };`,
      /TypeError: no database \[E_DB\]/,
    ],
    [
      "stray",
      `export default (context) => { setTimeout(() => { throw new RangeError("stray"); }, 1); return context.cancelled(); };`,
      /RangeError: stray/,
    ],
    [
      "spawned",
      `export default (context) => { context.spawn("work", () => { throw new Error("piece"); }); return context.cancelled(); };`,
      /piece/,
    ],
  ];
  for (const [name, text] of modules) if (text !== undefined) stage.write(`${name}.ts`, text);
  const tables = modules.map(([name]) => `[service.${name}]\nmodule = "${name}.ts"\nrestart = "never"\n`);
  stage.write("daemon.toml", `name = "bad"\n${tables.join("")}[service.good]\nrun = ["sleep", "1000"]\n`);
  const daemon = await stage.startDaemon();
  const units = await untilUnits(stage, (all) => modules.every(([name]) => all[name].state === "failed"));
  for (const [name, , reason] of modules) assert.match(units[name].reason, reason, name);
  assert.equal(units.good.state, "running");
  const { code, stderr } = await stage.cli("validate");
  assert.equal(code, 6);
  assert.match(stderr, /service\.missing\.module: expected a file, got nothing/);
  daemon.kill("SIGTERM");
  assert.equal((await daemon.ended).code, 0);
});

e2e("a module is restarted by its policy, may be a class, imports the library, and can stop the daemon", async (stage) => {
  stage.write(
    "app.ts",
    `import { signalDescription } from "@daemonkit/daemonkit";
export default class {
  async run(context: any): Promise<void> {
    if (context.run === 1) throw new Error("the first run fails");
    console.log("run", context.run, context.attempt, signalDescription(15));
    context.requestShutdown("enough");
    await context.cancelled();
  }
}
`,
  );
  stage.write("daemon.toml", `name = "again"\n[service.app]\nmodule = "app.ts"\nrestart = { delay = "10ms" }\n`);
  const { code, stdout, stderr } = await stage.cli("run");
  assert.equal(code, 0, stderr);
  assert.match(stdout, /app \| run 2 1 SIGTERM \(termination\)/);
  assert.match(stderr, /app failed, will be restarted .*the first run fails/);
  assert.match(stderr, /again stopping reason=enough/);
});

e2e("a module whose daemon was killed stops itself", async (stage) => {
  stage.write("alone.ts", `export default async (context: any) => { console.log("up"); await context.cancelled(); };\n`);
  stage.write("daemon.toml", `name = "alone"\n[service.alone]\nmodule = "alone.ts"\n`);
  const daemon = await stage.startDaemon();
  const pid = (await unitsOf(stage)).alone.details.pid!;
  assert.equal(isRunning(pid), true);
  daemon.kill("SIGKILL");
  await daemon.ended;
  await until(() => !isRunning(pid));
});

e2e("a module whose loop is blocked shows in status and is killed by the stop, and SIGTERM stops one as a message does", async (stage) => {
  stage.write("blocked.ts", `export default (context: any) => { context.log.info("last word"); for (;;); };\n`);
  stage.write(
    "told.ts",
    `export default async (context: any) => { console.log("up"); await context.cancelled(); console.log("clean"); };\n`,
  );
  stage.write(
    "daemon.toml",
    `name = "loop"\n[service.blocked]\nmodule = "blocked.ts"\nstop = { timeout = "300ms" }\n[service.told]\nmodule = "told.ts"\n`,
  );
  const daemon = stage.start("run");
  await daemon.until(/told +\| up/);
  const { told } = await untilUnits(stage, ({ told }) => told.state === "running");
  process.kill(told.details.pid!, "SIGTERM");
  await daemon.until(/told +\| clean/);
  await daemon.until(/blocked the module does not answer, its event loop is blocked/);
  const { blocked } = await unitsOf(stage);
  assert.match((blocked.details as unknown as { heartbeat: string }).heartbeat, /^none for \d+s$/);
  daemon.kill("SIGTERM");
  assert.equal((await daemon.ended).code, 0);
  assert.equal(isRunning(blocked.details.pid!), false);
});

e2e("a module that is stopped, or loses its daemon, while it is still being loaded ends at once", async (stage) => {
  stage.write("slow.ts", `console.log("loading");\nawait new Promise(() => {});\nexport default () => {};\n`);
  stage.write("daemon.toml", `name = "slow"\n[service.x]\nmodule = "slow.ts"\nstop = { timeout = "1h" }\n`);
  const daemon = stage.start("run");
  await daemon.until(/x \| loading/);
  assert.equal((await stage.cli("stop", "x")).code, 0);
  const starting = stage.start("start", "x");
  await daemon.until(/loading[^]*loading/);
  const { x } = await unitsOf(stage);
  assert.equal(x.state, "starting");
  daemon.kill("SIGKILL");
  await Promise.all([daemon.ended, starting.ended]);
  await until(() => !isRunning(x.details.pid!));
});

e2e("the word for modules is of no use to anybody but a daemon", async (stage) => {
  const { code, stderr } = await stage.cli("__module", "x.ts");
  assert.equal(code, 1);
  assert.match(stderr, /only a daemon starts such a process/);
});

e2e("records that come faster than the daemon takes them, and one that is too long, are told of and hurt nobody", async (stage) => {
  stage.write(
    "flood.ts",
    `export default async (context: any): Promise<void> => {
  for (let count = 0; count < 5000; count++) context.log.info("line");
  await context.sleep("200ms");
  context.log.info("x".repeat(2_000_000));
  await context.cancelled();
};
`,
  );
  stage.write("daemon.toml", `name = "flood"\n[service.x]\nmodule = "flood.ts"\n`);
  const daemon = await stage.startDaemon();
  await daemon.until(/x log records of the module were dropped records=4000/);
  await daemon.until(/x a message was too long .*1048576 bytes/);
  assert.equal((await unitsOf(stage)).x.state, "running");
  daemon.kill("SIGTERM");
  const { code, stderr } = await daemon.ended;
  assert.equal(code, 0);
  assert.equal(stderr.match(/flood\/x line$/gm)?.length, 1_000);
});

e2e("what a module measures is on /metrics of its daemon: counts outlive its process, gauges do not", async (stage) => {
  stage.write(
    "worker.ts",
    `export default async (context: any): Promise<void> => {
  context.metrics.incrementCounter("jobs_done", 2, { run: context.run });
  context.metrics.incrementCounter("jobs_done", -1, { run: context.run });
  context.metrics.recordDuration("job_seconds", 20);
  context.metrics.setGauge("jobs_waiting", 3);
  await context.cancelled();
  context.metrics.incrementCounter("jobs_done", 1, { run: "last" });
};
`,
  );
  stage.write(
    "daemon.toml",
    `name = "measured"\n[listen.http]\naddress = "127.0.0.1:0"\n[service.worker]\nmodule = "./worker.ts"\ninstances = 2\n`,
  );
  const daemon = await stage.startDaemon();
  const address = /listening listener=http address=(127\.0\.0\.1:\d+)/;
  await daemon.until(address);
  const url = `http://${address.exec(daemon.stderr())![1]}/metrics`;
  const scrape = async () => await (await fetch(url)).text();
  const untilSeries = (series: string) => until(scrape, { isRight: (text) => text.split("\n").includes(series) });
  await untilSeries("jobs_waiting 6");
  await untilSeries('jobs_done_total{run="1"} 4');
  await untilSeries("job_seconds_count 2");
  await untilSeries('daemonkit_metrics_rejected_total{metric="jobs_done_total",reason="value"} 2');
  assert.equal((await stage.cli("restart", "worker@0")).code, 0);
  await untilSeries('jobs_done_total{run="last"} 1');
  await untilSeries('jobs_done_total{run="2"} 2');
  await untilSeries("jobs_waiting 6");
  assert.equal((await stage.cli("stop", "worker")).code, 0);
  await untilSeries("jobs_waiting 0");
  await untilSeries('jobs_done_total{run="last"} 3');
  await untilSeries('jobs_done_total{run="1"} 4');
});
