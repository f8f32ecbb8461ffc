import assert from "node:assert/strict";
import type { Context, Subsystem } from "../../src/core/subsystem.ts";
import { Daemon } from "../../src/daemon/daemon.ts";
import { test } from "../harness.ts";
import { Rig } from "./supervisor_driver.ts";

/** A task whose snapshots are counted. */
class Counted implements Subsystem {
  static looks = 0;
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  run(context: Context): Promise<void> {
    return context.cancelled();
  }

  details(): Record<string, unknown> {
    Counted.looks++;
    return {};
  }
}

test("DaemonOperations look only at the units that a command is about", async () => {
  const builder = Daemon.builder().withoutSignals();
  for (let index = 0; index < 300; index++) builder.withSubsystem(new Counted(`u${index}`));
  builder.withSubsystem(new Counted("last"), { after: ["u7"] });
  const daemon = builder.build();
  await daemon.start();
  const { operations } = daemon;
  const commands: Record<string, () => unknown> = {
    resolve: () => assert.deepEqual(operations.resolve(["U7", "u3", "u7"]), ["u3", "u7"]),
    stop: () => operations.stop(["u7"]),
    start: () => operations.start(["last"]),
    restart: () => operations.restart(["u7"]),
    signal: () => operations.signal(["u7"], "SIGHUP"),
    wait: () => operations.wait(["u7"], "ready"),
  };
  for (const [name, command] of Object.entries(commands)) {
    Counted.looks = 0;
    await command();
    assert.ok(Counted.looks <= 4, `${name} took ${Counted.looks} snapshots`);
  }
  daemon.shutdown();
  await daemon.wait();
});

test("Supervisor: an edge to a service means its instances as they are when it is drawn, those that came and went included", async () => {
  const rig = new Rig();
  const [one, two, web] = [rig.child("api@1"), rig.child("api@2"), rig.child("web", { after: ["api"] })];
  const supervisor = rig.supervisor([one.registration, web.registration]);
  await supervisor.start();
  supervisor.add(two.registration);
  const paths = () => supervisor.findAll("API").map(({ unit }) => unit.path);
  assert.deepEqual(paths(), ["api@1", "api@2"]);
  supervisor.add(rig.child("late", { after: ["api"] }).registration);
  await supervisor.change({ children: [two, web].map((child) => child.registration), restart: new Set(), down: new Set() });
  assert.deepEqual(paths(), ["api@2"]);
  assert.deepEqual(supervisor.paths(), ["api@2", "web"]);
  assert.throws(() => supervisor.add(rig.child("x", { after: ["api@1"] }).registration), RangeError);
  await supervisor.stop("end");
});
