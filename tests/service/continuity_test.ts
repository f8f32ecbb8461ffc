import assert from "node:assert/strict";
import { IoError } from "../../src/core/values/errors.ts";
import type { ProcessIdentity, SpawnOptions } from "../../src/core/ports/processes.ts";
import type { SignalName } from "../../src/core/values/signal_name.ts";
import { adoptedChild, commandDigest, groupOfStranger, parseMark } from "../../src/service/continuity.ts";
import type { Continuity, RunningProgram } from "../../src/core/ports/continuity.ts";
import { serviceSpec } from "../../src/service/make_spec.ts";
import { Neighbours, serviceSubsystems } from "../../src/service/mod.ts";
import { FakeHost } from "../../src/testing/mod.ts";
import { test } from "../harness.ts";
import { modulesOf, nowhere } from "./drive.ts";
import { settled, until } from "../until.ts";

const LAUNCH: SpawnOptions = { argv: ["serve", "-p", "80"], cwd: "/srv", env: { PATH: "/bin", TERM: "xterm", LOG: "info" } };
const INHERITED = { PATH: "/bin", TERM: "xterm" };

test("commandDigest is the same for the same start, from whatever terminal, and another one for each thing that differs", () => {
  const digest = commandDigest(LAUNCH, INHERITED);
  assert.match(digest, /^[0-9a-f]{14}$/);
  const { env } = LAUNCH;
  assert.equal(
    commandDigest({ ...LAUNCH, env: { LOG: "info", PATH: "/usr/bin", TERM: "dumb" } }, { PATH: "/usr/bin", TERM: "dumb" }),
    digest,
  );
  assert.equal(commandDigest({ ...LAUNCH, env: { ...env, DAEMONKIT_UNIT: "x/y/7", DAEMONKIT_SOCKET: "/s" } }, INHERITED), digest);
  const others: SpawnOptions[] = [
    { ...LAUNCH, argv: ["serve", "-p", "81"] },
    { ...LAUNCH, argv: ["serve", "-p 80"] },
    { ...LAUNCH, cwd: "/srv2" },
    { ...LAUNCH, env: { ...env, LOG: "debug" } },
    { ...LAUNCH, env: { ...env, PORT: "80" } },
    { ...LAUNCH, uid: 33 },
    { ...LAUNCH, gid: 33 },
    { ...LAUNCH, umask: 0o22 },
  ];
  assert.equal(new Set([digest, ...others.map((each) => commandDigest(each, INHERITED))]).size, others.length + 1);
});

test("parseMark reads unit and run of this daemon's marks, and nothing of others", () => {
  const parse = (value: string) => parseMark({ DAEMONKIT_UNIT: value }, "demo-01");
  assert.deepEqual(parse("demo-01/web/3"), { unit: "web", run: 3 });
  assert.deepEqual(parse("demo-01/group/web@2/12"), { unit: "group/web@2", run: 12 });
  for (const other of ["demo-0/web/3", "demo-011/web/3", "demo-01", "demo-01/3", "x/demo-01/web/3", ""]) {
    assert.equal(parse(other), undefined, other);
  }
  assert.equal(parseMark({}, "demo-01"), undefined);
});

test("adoptedChild: its output is empty, and its end is seen by looking and has no code", async () => {
  const host = new FakeHost();
  host.processes.program("serve", () => {});
  const { identity } = await host.processes.spawn({ argv: ["serve"], cwd: "/", env: {} });
  const child = adoptedChild(identity, host);
  assert.deepEqual(await Promise.all([child.stdout, child.stderr].map((stream) => new Response(stream).text())), ["", ""]);
  let hasEnded = false;
  void child.exited.then(() => hasEnded = true);
  await host.clock.advance(10_000);
  assert.equal(hasEnded, false);
  host.processes.started[0].exit(0);
  await host.clock.advance(200);
  assert.deepEqual(await child.exited, { code: null, signal: null });
});

test("groupOfStranger sends nothing to a number that has passed to somebody else, and sees nobody there", async () => {
  const leader: ProcessIdentity = { pid: 200, startTicks: 5, bootId: "b" };
  const sent: string[] = [];
  let now: ProcessIdentity | undefined = leader;
  const host = new FakeHost();
  Object.assign(host.processes, {
    identify: () => now,
    signalGroup: (pgid: number, signal: SignalName) => sent.push(`${pgid} ${signal}`) > 0,
    signal: (pid: number, signal: SignalName) => sent.push(`${pid} ${signal}`) > 0,
  });
  const neighbours = { isGroupAlive: () => Promise.resolve(true) };
  const group = groupOfStranger(leader, { processes: host.processes, neighbours });
  const tryAll = async () => {
    const { processes, neighbours } = group;
    return [processes.signalGroup(200, "SIGTERM"), processes.signal(200, "SIGKILL"), await neighbours.isGroupAlive(200)];
  };
  assert.deepEqual(await tryAll(), [true, true, true]);
  now = undefined; // gone, but its group is not empty
  assert.deepEqual(await tryAll(), [true, true, true]);
  now = { ...leader, startTicks: 9 };
  assert.deepEqual(await tryAll(), [false, false, false]);
  assert.deepEqual(sent, ["200 SIGTERM", "200 SIGKILL", "200 SIGTERM", "200 SIGKILL"]);
  host.processes.identify = () => {
    throw new IoError("IO_NO_RESOURCES", "Cannot look as too many files are open");
  };
  assert.deepEqual(await tryAll(), [true, true, true], "without a file left it can still be stopped");
});

test("Service: a run is remembered from its start to its end, with the mark's number", async () => {
  const host = new FakeHost();
  host.processes.program("serve", () => {});
  const events: string[] = [];
  const continuity: Continuity = {
    socket: "/run/admin.sock",
    remember(program: RunningProgram) {
      events.push(`${program.unit} ${program.run} ${program.identity.pid}`);
      return { [Symbol.dispose]: () => void events.push("forgotten") };
    },
    inherit: () => Promise.resolve(undefined),
  };
  using neighbours = new Neighbours(host);
  const [service] = serviceSubsystems(serviceSpec("web", { run: ["serve"] }, "/"), {
    host,
    logs: nowhere,
    daemonId: "demo-01",
    neighbours,
    modules: modulesOf(host),
    continuity,
  });
  const stopped = Promise.withResolvers<void>();
  const context = {
    name: "web",
    run: 3,
    isShutdown: () => true,
    ready: () => {},
    cancelled: () => stopped.promise,
    onForce: () => ({ [Symbol.dispose]: () => {} }),
    onKill: () => ({ [Symbol.dispose]: () => {} }),
    log: { warn: () => {} },
  };
  let isStopping = false;
  const running = service.run({ ...context, isShutdown: () => isStopping } as unknown as Parameters<typeof service.run>[0]);
  await until(() => events.length > 0, { go: () => host.clock.advance(0) });
  const [process] = host.processes.started;
  assert.deepEqual([process.options.env.DAEMONKIT_UNIT, process.options.env.DAEMONKIT_SOCKET], ["demo-01/web/3", "/run/admin.sock"]);
  isStopping = true;
  stopped.resolve();
  await settled(host.clock, running);
  assert.deepEqual(events, [`web 3 ${process.identity.pid}`, "forgotten"]);
});

test("Service: a number that has passed from an adopted program to somebody else is not told, so nobody sends a signal to it", async () => {
  const host = new FakeHost();
  host.processes.program("serve", () => {});
  const { identity } = await host.processes.spawn({ argv: ["serve"], cwd: "/", env: {} });
  const program: RunningProgram = { unit: "web", run: 7, identity, command: "" };
  const continuity: Continuity = {
    socket: "/run/admin.sock",
    remember: () => ({ [Symbol.dispose]: () => {} }),
    inherit: () => Promise.resolve(program),
  };
  using neighbours = new Neighbours(host);
  const ports = { host, logs: nowhere, daemonId: "demo-01", neighbours, modules: modulesOf(host), continuity };
  const [service] = serviceSubsystems(serviceSpec("web", { run: ["serve"], leftover: "adopt" }, "/"), ports);
  const isUp = Promise.withResolvers<void>();
  const context = {
    name: "web",
    run: 1,
    isShutdown: () => false,
    ready: isUp.resolve,
    cancelled: () => new Promise<void>(() => {}),
    onForce: () => ({ [Symbol.dispose]: () => {} }),
    onKill: () => ({ [Symbol.dispose]: () => {} }),
    log: { warn: () => {} },
  };
  const done = service.run(context as unknown as Parameters<typeof service.run>[0]).catch(() => "failed");
  await isUp.promise;
  assert.deepEqual([service.details().pid, service.details().adopted], [identity.pid, true]);
  const identify = host.processes.identify.bind(host.processes);
  host.processes.identify = (pid) => pid === identity.pid ? { ...identity, startTicks: identity.startTicks + 1 } : identify(pid);
  assert.deepEqual([service.details().pid, "adopted" in service.details()], [null, false]);
  host.processes.started[0].exit(0);
  assert.equal(await settled(host.clock, done, 200), "failed");
});
