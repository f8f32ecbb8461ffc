/** The smallest daemon: one task that ticks until Ctrl+C, or `simple.ts 3`: three times. */
import process from "node:process";
import { Daemon } from "@daemonkit/daemonkit";

const ticks = Number(process.argv[2] ?? Infinity);

const report = await Daemon.builder()
  .withTask("clock", async (context) => {
    for (let tick = 1; tick <= ticks && !context.isShutdown(); tick++) {
      context.log.info("tick", { tick });
      await context.sleep("1s");
    }
  })
  .run();

console.log(`stopped as ${report.reason}, exit code ${report.exitCode}`);
