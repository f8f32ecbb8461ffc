import assert from "node:assert/strict";
import { type Context, Daemon, type Strategy } from "../../mod.ts";
import { test } from "../harness.ts";

test("DaemonBuilder.withSupervisor refuses an after that contradicts the order in which the strategy starts siblings", () => {
  const task = (context: Context) => context.cancelled();
  const build = (strategy: Strategy) =>
    Daemon.builder().withSupervisor("group", { strategy }, (group) => {
      group.withTask("a", task, { after: ["b"] }).withTask("b", task);
    });
  for (const strategy of ["oneForAll", "restForOne"] as const) assert.throws(() => build(strategy), /a → b → a/);
  build("oneForOne");
});
