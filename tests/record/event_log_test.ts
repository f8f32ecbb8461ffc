import assert from "node:assert/strict";
import { systemClock } from "../../src/core/ports/clock.ts";
import type { DaemonEvent } from "../../src/core/supervise/event.ts";
import type { LogRecord } from "../../src/core/ports/log.ts";
import { logEvent } from "../../src/record/event_log.ts";
import { createLogger } from "../../src/log/mod.ts";
import { test } from "../harness.ts";

test("logEvent: that there is no room for a start is a warning once, however often it is tried", () => {
  const records: LogRecord[] = [];
  const log = createLogger({ level: "debug", name: "app", clock: systemClock, sinks: [(record) => void records.push(record)] });
  const message = "db: this process has too many files open";
  for (const attempt of [1, 2, 3]) {
    const event: DaemonEvent = {
      v: 1,
      seq: attempt,
      time: "2026-01-01T00:00:00.000Z",
      type: "unit.state",
      name: "db",
      run: attempt,
      from: "starting",
      to: "restarting",
      reason: message,
      error: { name: "SubsystemError", code: "SPAWN_NO_RESOURCES", message },
      attempt,
      delayMs: 100,
    };
    logEvent(log, event);
  }
  assert.deepEqual(records.map(({ level }) => level), ["warn", "debug", "debug"]);
});
