import assert from "node:assert/strict";
import { IoError } from "../../src/core/values/errors.ts";
import { UNIT_VARIABLE } from "../../src/service/mod.ts";
import { PortOwners } from "../../src/service/port_owner.ts";
import { FakeHost } from "../../src/testing/mod.ts";
import { test } from "../harness.ts";

const MARK = "daemon/web/1";

/** A unit `web` whose program runs, somebody else's program, and the owners of ports. */
async function rig() {
  const host = new FakeHost();
  const { processes, sockets, clock } = host;
  for (const name of ["web", "other"]) processes.program(name, () => {});
  const spawn = async (name: string, mark: string) => {
    const { identity } = await processes.spawn({ argv: [name], cwd: "/", env: { [UNIT_VARIABLE]: mark } });
    return { program: { leader: identity, marks: { [UNIT_VARIABLE]: mark }, uid: undefined }, mark, hasHelpers: false };
  };
  const run = await spawn("web", MARK);
  const other = await spawn("other", "daemon/db/4");
  const [web] = processes.started;
  const owners = new PortOwners({ processes, sockets, clock });
  const ask = (hostname: string, of: typeof run | undefined = run) => owners.ask({ hostname, port: 80 }, of);
  return {
    host,
    processes,
    sockets,
    clock,
    spawn,
    run,
    other,
    web,
    owners,
    ask,
    pid: run.program.leader.pid,
    otherPid: other.program.leader.pid,
  };
}

test("PortOwners: a port is the unit's own when its program listens, or what that has started, wherever it went", async () => {
  const { sockets, web, ask, pid } = await rig();
  for (const holder of [pid, ...[{}, { leaves: "group" }, { leaves: "session" }].map((how) => web.fork(how as object).identity.pid)]) {
    using _socket = sockets.listen({ hostname: "127.0.0.1", port: 80 }, { pid: holder });
    assert.deepEqual(await ask("127.0.0.1"), { kind: "own" });
  }
  assert.equal(sockets.wholeLooks, 0);
});

test("PortOwners: who else listens is named, with the unit that started it, and this daemon as such", async () => {
  const { processes, sockets, ask, otherPid } = await rig();
  const who = async (pid: number, name: string) => {
    using _socket = sockets.listen({ hostname: "127.0.0.1", port: 80 }, { pid, name });
    return await ask("127.0.0.1");
  };
  assert.deepEqual(await who(7, "nginx"), { kind: "other", who: "pid 7 (nginx)" });
  assert.deepEqual(await who(7, "\x1b]0;é\x07"), { kind: "other", who: "pid 7 (?]0;??)" });
  assert.deepEqual(await who(otherPid, "other"), { kind: "other", who: `pid ${otherPid} (other), started by db` });
  const own = processes.self().pid;
  assert.deepEqual(await who(own, "daemonkit"), { kind: "other", who: `pid ${own} (daemonkit), which is this daemon` });
});

test("PortOwners: a socket that the daemon, or a stranger, and the unit hold together is the unit's own", async () => {
  const { processes, sockets, ask, pid } = await rig();
  for (const first of [processes.self().pid, 7]) {
    using _socket = sockets.listen({ hostname: "127.0.0.1", port: 80 }, { pid: first }, { pid });
    assert.deepEqual(await ask("127.0.0.1"), { kind: "own" });
  }
});

test("PortOwners: a port that two sockets share is the unit's own when one of them is", async () => {
  const { sockets, ask, pid } = await rig();
  using _foreign = sockets.listen({ hostname: "127.0.0.1", port: 80 }, { pid: 7 });
  assert.equal((await ask("127.0.0.1")).kind, "other");
  using _own = sockets.listen({ hostname: "127.0.0.1", port: 80 }, { pid });
  assert.deepEqual(await ask("127.0.0.1"), { kind: "own" });
});

test("PortOwners: who listens on just the address goes before those who listen on all, whose family may be the other", async () => {
  const cases: [asked: string, listens: string[], answers: number | undefined][] = [
    ["127.0.0.1", ["0.0.0.0"], 0],
    ["127.0.0.1", ["::"], 0],
    ["127.0.0.1", ["::", "0.0.0.0"], 1],
    ["127.0.0.1", ["::", "0.0.0.0", "127.0.0.1"], 2],
    ["127.0.0.1", ["127.0.0.2"], undefined],
    ["127.0.0.1", ["::1"], undefined],
    ["::ffff:127.0.0.1", ["::1", "127.0.0.1"], 1],
    ["::1", ["0.0.0.0"], undefined],
    ["::1", ["0.0.0.0", "::"], 1],
    ["::1", ["::", "::1"], 1],
    ["0:0:0:0:0:0:0:1", ["::1"], 0],
    ["0.0.0.0", ["127.0.0.1"], 0],
    ["::", ["127.0.0.1", "::1"], 1],
    ["127.1", ["127.0.0.1"], 0],
    ["LOCALHOST", ["::1"], 0],
    ["api.localhost.", ["127.0.0.1"], 0],
    ["192.0.2.7", ["0.0.0.0"], 0],
    ["2001:db8::7", ["::", "2001:DB8:0::8"], 0],
  ];
  for (const [asked, listens, answers] of cases) {
    const { sockets, ask } = await rig();
    using stack = new DisposableStack();
    for (const [index, hostname] of listens.entries()) stack.use(sockets.listen({ hostname, port: 80 }, { pid: index, name: hostname }));
    using _otherPort = sockets.listen({ hostname: asked, port: 81 }, { pid: 99 });
    const expected = answers === undefined ? { kind: "nobody" } : { kind: "other", who: `pid ${answers} (${listens[answers]})` };
    assert.deepEqual(await ask(asked), expected, `${asked} beside ${listens}`);
  }
});

test("PortOwners: a name of this machine is the unit's own when it listens in one of both families", async () => {
  const { sockets, ask, pid } = await rig();
  using _own = sockets.listen({ hostname: "::1", port: 80 }, { pid });
  using _foreign = sockets.listen({ hostname: "127.0.0.1", port: 80 }, { pid: 7 });
  assert.deepEqual(await ask("localhost"), { kind: "own" });
  assert.equal((await ask("127.0.0.1")).kind, "other");
});

test("PortOwners: what earlier runs have left on purpose belongs to the unit, and to no other", async () => {
  const { sockets, spawn, run, ask } = await rig();
  const helper = await spawn("web", "daemon/web/0");
  using _socket = sockets.listen({ hostname: "127.0.0.1", port: 80 }, { pid: helper.program.leader.pid, name: "web" });
  assert.equal((await ask("127.0.0.1")).kind, "other");
  assert.deepEqual(await ask("127.0.0.1", { ...run, hasHelpers: true }), { kind: "own" });
  const stranger = { ...run, mark: "daemon/we/1", hasHelpers: true };
  assert.equal((await ask("127.0.0.1", stranger)).kind, "other");
});

test("PortOwners: before a unit runs, nothing is its own", async () => {
  const { sockets, owners } = await rig();
  const address = { hostname: "127.0.0.1", port: 80 };
  using _first = sockets.listen({ hostname: "127.0.0.1", port: 81 }, { pid: 7 });
  assert.deepEqual(await owners.ask(address), { kind: "nobody" });
  using _socket = sockets.listen(address, { pid: 7, name: "nginx" });
  assert.deepEqual(await owners.ask(address), { kind: "other", who: "pid 7 (nginx)" });
});

test("PortOwners: a socket of which no holder is seen is a stranger's, with his user", async () => {
  const { sockets, ask } = await rig();
  using _socket = sockets.listen({ hostname: "127.0.0.1", port: 80 });
  assert.deepEqual(await ask("127.0.0.1"), { kind: "other", who: "a process of user 1000 that can't be seen from here" });
});

test("PortOwners: where files of the unit's own processes are kept from it, the answer is unknown unless others hold all that listens", async () => {
  const { sockets, web, ask, pid } = await rig();
  for (const hidden of [pid, web.fork().identity.pid]) {
    sockets.hidden.add(hidden);
    using own = sockets.listen({ hostname: "127.0.0.1", port: 80 }, { pid: hidden });
    assert.deepEqual(await ask("127.0.0.1"), { kind: "unknown" });
    using _foreign = sockets.listen({ hostname: "127.0.0.1", port: 80 }, { pid: 7, name: "nginx" });
    assert.deepEqual(await ask("127.0.0.1"), { kind: "unknown" });
    own[Symbol.dispose]();
    assert.deepEqual(await ask("127.0.0.1"), { kind: "other", who: "pid 7 (nginx)" });
    sockets.hidden.clear();
  }
});

test("PortOwners: files of strangers that are kept from it change nothing", async () => {
  const { sockets, ask, pid } = await rig();
  sockets.hidden.add(7);
  using _own = sockets.listen({ hostname: "127.0.0.1", port: 80 }, { pid });
  assert.deepEqual(await ask("127.0.0.1"), { kind: "own" });
});

test("PortOwners: where the system does not tell, or can't be looked at, the owner is unknown, and other mistakes are thrown", async () => {
  const { sockets, processes, clock, run, ask } = await rig();
  assert.deepEqual(await ask("127.0.0.1"), { kind: "unknown" });

  using _socket = sockets.listen({ hostname: "127.0.0.1", port: 80 }, { pid: 7, name: "nginx" });
  for (const code of ["IO_NO_RESOURCES", "IO_DENIED", "IO_NOT_FOUND"] as const) {
    sockets.failure = new IoError(code, "no");
    assert.deepEqual(await ask("127.0.0.1"), { kind: "unknown" });
  }
  sockets.failure = new TypeError("a mistake of ours");
  await assert.rejects(ask("127.0.0.1"), { message: "a mistake of ours" });

  // The next look is another.
  sockets.failure = undefined;
  assert.deepEqual(await ask("127.0.0.1"), { kind: "other", who: "pid 7 (nginx)" });

  const noTable = () => {
    throw new IoError("IO_NOT_FOUND", "there is no process table");
  };
  const blind = new PortOwners({
    sockets,
    clock,
    processes: Object.assign(Object.create(processes), { census: noTable, belonging: noTable }),
  });
  assert.deepEqual(await blind.ask({ hostname: "127.0.0.1", port: 80 }, run), { kind: "unknown" });
});

test("PortOwners: all who ask at one moment share one look, each with an answer of their own, and a stranger is looked for once", async () => {
  const { sockets, ask, other, owners, otherPid } = await rig();
  using _socket = sockets.listen({ hostname: "127.0.0.1", port: 80 }, { pid: otherPid, name: "other" });
  using _another = sockets.listen({ hostname: "127.0.0.1", port: 81 }, { pid: otherPid, name: "other" });
  const answers = await Promise.all([ask("127.0.0.1"), ask("127.0.0.1", other), owners.ask({ hostname: "127.0.0.1", port: 82 }, other)]);
  assert.deepEqual(answers.map(({ kind }) => kind), ["other", "own", "nobody"]);
  for (let turn = 0; turn < 50; turn++) await ask("127.0.0.1");
  assert.equal(sockets.wholeLooks, 1);
});

test("PortOwners: a stranger who has gone is not remembered when somebody else listens", async () => {
  const { sockets, ask, pid } = await rig();
  {
    using _socket = sockets.listen({ hostname: "127.0.0.1", port: 80 }, { pid: 7, name: "nginx" });
    assert.deepEqual(await ask("127.0.0.1"), { kind: "other", who: "pid 7 (nginx)" });
  }
  assert.deepEqual(await ask("127.0.0.1"), { kind: "nobody" });
  {
    using _socket = sockets.listen({ hostname: "127.0.0.1", port: 80 }, { pid: 8, name: "caddy" });
    assert.deepEqual(await ask("127.0.0.1"), { kind: "other", who: "pid 8 (caddy)" });
  }
  using _own = sockets.listen({ hostname: "127.0.0.1", port: 80 }, { pid });
  assert.deepEqual(await ask("127.0.0.1"), { kind: "own" });
});

test("PortOwners: that the owner is unknown is told once, over all units", async () => {
  const { owners } = await rig();
  let told = 0;
  for (let turn = 0; turn < 3; turn++) owners.tellUnknown(() => told++);
  assert.equal(told, 1);
});
