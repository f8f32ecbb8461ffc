import assert from "node:assert/strict";
import { endWhatIsLeft, hasDied } from "../../src/leftover/clean_up.ts";
import { FakeHost } from "../../src/testing/mod.ts";
import { test } from "../harness.ts";
import { settled } from "../until.ts";

const PLACE = { lock: "/run/demo-0123abcd/lock", socket: "/run/demo-0123abcd/admin.sock" };

/** A machine on which a daemon has died with one service, whose program is `polite` or `deaf`. */
async function machine(program: "polite" | "deaf") {
  const host = new FakeHost();
  host.processes.program("polite", () => {});
  host.processes.program("deaf", (process) => process.ignoreSignals(["SIGTERM"]));
  const env = { DAEMONKIT_UNIT: "demo-0123abcd/x/1", DAEMONKIT_SOCKET: PLACE.socket };
  const { identity } = await host.processes.spawn({ argv: [program], cwd: "/", env });
  host.files.makeDir("/run/demo-0123abcd");
  host.files.put(PLACE.lock, JSON.stringify({ pid: 7, startTicks: 1, bootId: identity.bootId, version: "0.0.1", protocol: 1 }));
  host.files.put(PLACE.socket, "");
  return { host, process: host.processes.started[0] };
}

test("endWhatIsLeft ends what a daemon that died has left, once, and says what", async () => {
  const { host, process } = await machine("polite");
  assert.equal(hasDied(PLACE, host), true);
  const { said, unended } = await settled(host.clock, endWhatIsLeft(PLACE, host, null));
  assert.deepEqual([said, unended], [[`x: ended what an earlier daemon left: pid ${process.identity.pid}`], []]);
  assert.equal(process.isAlive, false);
  assert.equal(hasDied(PLACE, host), false);
  assert.deepEqual([host.files.readText(PLACE.lock), host.files.info(PLACE.socket)], ["", undefined]);
  assert.deepEqual(await endWhatIsLeft(PLACE, host, null), { said: [], unended: [] });
});

test("endWhatIsLeft stops services as their file says, and as most are stopped where it can't be read", async () => {
  for (const [toml, spentMs] of [['[service.x]\nrun = ["deaf"]\nstop = { timeout = "1s" }\n', 1_000], ["[service.x\n", 5_000]] as const) {
    const { host, process } = await machine("deaf");
    host.files.makeDir("/etc/app");
    host.files.put("/etc/app/daemon.toml", toml);
    const beganMs = host.clock.nowMs();
    await settled(host.clock, endWhatIsLeft(PLACE, host, "/etc/app/daemon.toml"));
    assert.deepEqual(process.received, ["SIGTERM", "SIGCONT", "SIGKILL"]);
    const tookMs = host.clock.nowMs() - beganMs;
    assert.ok(tookMs >= spentMs, `${tookMs}`);
  }
});

test("endWhatIsLeft says what could not be ended, and leaves everything alone when the lock is held", async () => {
  const { host, process } = await machine("polite");
  const lock = (await host.files.lock(PLACE.lock))!;
  assert.deepEqual(await settled(host.clock, endWhatIsLeft(PLACE, host, null)), { said: [], unended: [] });
  assert.deepEqual(process.received, []);
  lock[Symbol.dispose]();
  host.processes.signal = () => true;
  const { said, unended } = await settled(host.clock, endWhatIsLeft(PLACE, host, null));
  assert.deepEqual(unended, ["x"]);
  assert.match(said.at(-1)!, /^x: what an earlier daemon left could not be ended: pid \d+$/);
});
