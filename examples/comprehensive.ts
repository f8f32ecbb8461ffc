/**
 * Several subsystems in one daemon: a database that says when it is ready, two that wait for it, one that crashes and is restarted with
 * growing waits, a program of the system, and the events of all of them. It ends by itself when the crashing one has had enough.
 */
import assert from "node:assert/strict";
import { type Context, Daemon, RestartPolicy, type Subsystem } from "@daemonkit/daemonkit";

/** A database in memory. The interface asks for `run` only; readiness and details are its own wish. */
class Database implements Subsystem {
  readonly name = "db";
  readonly rows = new Map<string, number>();
  #isOpen = false;

  async run(context: Context): Promise<void> {
    // The run hands over at once all that it acquires, so that it is given back however the run ends.
    context.use({
      [Symbol.dispose]: () => {
        this.#isOpen = false;
        context.log.info("closed", { rows: this.rows.size });
      },
    });
    await context.sleep("50ms");
    this.#isOpen = true;
    context.ready();
    await context.cancelled();
  }

  details(): Readonly<Record<string, unknown>> {
    return { isOpen: this.#isOpen, rows: this.rows.size };
  }
}

const db = new Database();
const crashes: number[] = [];

const daemon = Daemon.builder()
  .withTask("writer", async (context) => {
    for (let row = 0; !context.isShutdown(); row++) {
      db.rows.set(`row ${row}`, row);
      await context.sleep("20ms");
    }
  }, { after: ["db"] })
  .withTask("flaky", async (context) => {
    await context.sleep("10ms");
    crashes.push(context.attempt);
    if (context.attempt < 3) throw new Error(`attempt ${context.attempt} went wrong`);
    context.requestShutdown("the fourth attempt went well");
    await context.cancelled();
  }, { after: ["db"], restart: RestartPolicy.onFailure({ delay: "20ms", maxDelay: "1s", maxRestarts: 5 }) })
  .withService("heart", { run: "while sleep 1; do echo beat; done" })
  // Registered last and started first: the order is that of `after`, not of the text.
  .withSubsystem(db, { readiness: "manual", ready: { timeout: "5s" } })
  .build();

const started = daemon.start({ ownsProcess: true });
// The bus is there from here on, so that not even the first event is missed.
const states: string[] = [];
daemon.bus.on("event", (event) => {
  if (event.type === "unit.state") states.push(`${event.name}: ${event.from} -> ${event.to}`);
});
await started;
const report = await daemon.wait();

console.log(states.join("\n"));
console.log(`stopped as ${report.reason}, exit code ${report.exitCode}, after ${report.uptimeMs} ms`);

assert.deepEqual(crashes, [0, 1, 2, 3]);
assert.deepEqual(report.unstopped, []);
assert.equal(report.exitCode, 0);
assert.ok(states.indexOf("db: starting -> running") < states.indexOf("writer: waiting -> starting"), "writer starts after db is there");
