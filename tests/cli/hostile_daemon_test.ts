import assert from "node:assert/strict";
import { COMMANDS } from "../../src/cli/commands.ts";
import { main } from "../../src/cli/main.ts";
import { type Clock, systemClock } from "../../src/core/ports/clock.ts";
import { test } from "../harness.ts";
import { until } from "../until.ts";
import { FakeMachine } from "./fake_host.ts";

const SOCKET = "/run/demo/admin.sock";
/** A terminal's sequences whole and broken, controls of both kinds, line ends, marks of direction. */
const HOSTILE =
  "\u001b[2J\u001b]0;title\u0007\u001b[8mx\u001b[31m\u009b2J\u0007\b\r\u202e\u2066\u200f\u061c\u2028\u2029\u001b\u0001[3J\u001bc\u007f\u001b";
// deno-lint-ignore no-control-regex -- control characters are what it looks for
const RAW = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/;
/** The styles of our own tables and messages; a line of a unit may have any. */
// deno-lint-ignore no-control-regex -- control characters are what it looks for
const OWN = /\x1b\[(?:0|1|2|3[1236])m/g;
// deno-lint-ignore no-control-regex -- control characters are what it looks for
const STYLES = /\x1b\[[0-9;]*m/g;
/** Sequences of a command that draws again and again on a screen of its own. */
// deno-lint-ignore no-control-regex -- control characters are what it looks for
const SCREEN = /\x1b\[(?:\?1049[hl]|\?25[hl]|\?7[hl]|[HKJ])/g;
const TIME = "2026-01-01T00:00:00.000Z";

/** Every command that asks a daemon, and how it is called. */
const CALLS: readonly (readonly string[])[] = [
  ["status"],
  ["status", "--json"],
  ["status", "--watch"],
  ["down"],
  ["down", "--json"],
  ["start", "api"],
  ["stop", "api"],
  ["restart", "--all"],
  ["restart", "api", "--json"],
  ["signal", "HUP", "api"],
  ["wait", "api"],
  ["reload"],
  ["reload", "--dry-run", "--json"],
  ["logs"],
  ["logs", "-f"],
  ["logs", "--json"],
  ["logs", "--grep", "a.*b"],
  ["logs", "--grep", "ab"],
  ["events"],
  ["events", "-f", "--json"],
  ["profile", "heap"],
];

type Answer = (request: Request) => Response | Promise<Response>;

/** Calls a command of a machine behind whose control socket somebody else sits. */
async function ask(args: readonly string[], answer: Answer, { columns, clock }: { columns?: number; clock?: Clock } = {}) {
  const machine = new FakeMachine(clock);
  machine.env.XDG_RUNTIME_DIR = "/run/user/1000";
  machine.terminalColumns = columns;
  machine.file(SOCKET, "", "socket");
  machine.sockets.set(SOCKET, answer);
  // Commands that go on until Ctrl+C get one.
  if (args.includes("--watch")) void until(() => machine.out !== "" || machine.err !== "").then(() => machine.signals.emit("SIGINT"));
  const code = await main([...args, "--socket", SOCKET], { host: machine.host });
  return { code, machine };
}

/** Past the question whether it lives, which every daemon answers. */
function lively(answer: Answer): Answer {
  return (request) => {
    if (new URL(request.url).pathname === "/livez") return new Response("ok", { headers: { "daemonkit-protocol": "1" } });
    return answer(request);
  };
}

/** A body that comes in pieces without an end. */
function endless(piece: Uint8Array, onPiece: () => void = () => {}): ReadableStream<Uint8Array> {
  return new ReadableStream({
    pull(controller) {
      onPiece();
      controller.enqueue(piece);
    },
  }, { highWaterMark: 0 });
}

/** A body of which a byte comes now and then. */
function trickling(): ReadableStream<Uint8Array> {
  let timer: ReturnType<typeof setInterval>;
  return new ReadableStream({
    start(controller) {
      timer = setInterval(() => controller.enqueue(new Uint8Array([32])), 2);
    },
    cancel: () => clearInterval(timer),
  });
}

test("every command that asks a daemon is asked here", () => {
  const called = new Set(CALLS.map(([verb]) => verb));
  const asking = COMMANDS.filter(({ options }) => options.includes("socket")).map(({ name }) => name);
  assert.deepEqual(asking.filter((name) => !called.has(name)), []);
});

const NONSENSE: Readonly<Record<string, Answer>> = {
  "not JSON": () => new Response("<html>hello</html>"),
  "nothing": () => new Response(""),
  "null": () => new Response("null\n"),
  "a list": () => new Response("[1]\n"),
  "wrong types": () =>
    new Response(`${JSON.stringify({ v: 1, ok: "yes", name: 7, units: { length: 1e9 }, pid: {}, type: [], time: 1, seq: "" })}\n`),
  "wrong types within": () =>
    new Response(`${JSON.stringify({ ok: true, units: [null], changes: [7], type: "daemon.x", time: TIME, seq: 1 })}\n`),
  "an unknown state": () => new Response(`${JSON.stringify({ ...status("constructor"), type: "__proto__", time: TIME, seq: 1 })}\n`),
  "deep": () => new Response("[".repeat(100_000)),
  "a wrong status": () => new Response("no", { status: 500 }),
  "a redirection": () => new Response(null, { status: 302, headers: { location: "http://127.0.0.1:1/" } }),
  "a problem that is none": () => new Response(JSON.stringify({ status: "x", detail: [], issues: 7 }), { status: 422 }),
  "a problem with strange mistakes": () =>
    new Response(JSON.stringify({ status: 422, code: "CONFIG_INVALID", detail: "x", issues: [{ source: {} }] }), { status: 422 }),
};

for (const [what, answer] of Object.entries(NONSENSE)) {
  test(`a daemon that answers ${what}: every command ends with code 5 and one line`, async () => {
    for (const args of CALLS) {
      // A profile is whatever comes, and no lines at all are an answer.
      if (args[0] === "profile" && !what.includes("status") && !what.includes("problem") && what !== "a redirection") continue;
      if (what === "nothing" && (args[0] === "logs" || args[0] === "events")) continue;
      const { code, machine } = await ask(args, lively(answer));
      assert.equal(code, 5, `${args.join(" ")}: ${machine.err}`);
      assert.match(machine.err, /^daemonkit: Cannot use the answer of [^\n]+ as [^\n]+; look who listens on [^\n]+\n$/, args.join(" "));
      assert.equal(machine.out, "", args.join(" "));
    }
  });
}

test("a body without an end is given up at a limit", async () => {
  const piece = new TextEncoder().encode(`"${"x".repeat(4_000_000)}`);
  for (const args of CALLS.filter(([verb]) => verb !== "profile")) {
    let pieces = 0;
    const { code, machine } = await ask(args, lively(() => new Response(endless(piece, () => pieces++))));
    assert.equal(code, 5, `${args.join(" ")}: ${machine.err}`);
    assert.match(machine.err, /^daemonkit: Cannot use the answer of [^\n]+\n$/);
    assert.ok(pieces < 25, `${pieces} pieces of 4 MB`);
  }
});

test("lines and events without an end are given up where an end was asked for", async () => {
  const rows: [string[], unknown][] = [
    [["logs", "-n", "5"], { seq: 1, time: TIME, name: "api", stream: "stdout", text: "x" }],
    [["logs", "--grep", "no.thing"], { seq: 1, time: TIME, name: "api", stream: "stdout", text: "x" }],
    [["events"], { v: 1, seq: 1, time: TIME, type: "daemon.ready", reason: "" }],
    [["events"], { dropped: 1 }],
  ];
  for (const [args, item] of rows) {
    const piece = new TextEncoder().encode(`${JSON.stringify(item)}\n`.repeat(100));
    const { code, machine } = await ask(args, lively(() => new Response(endless(piece))));
    assert.equal(code, 5, args.join(" "));
    assert.match(machine.err, /must have at most \d+ lines; look who listens/);
  }
});

test("an answer that never comes, stands still in the midst, or trickles ends each command in time", async () => {
  const hasty: Clock = {
    ...systemClock,
    nowMs: () => systemClock.nowMs() * 1_000,
    schedule: (ms, fn) => systemClock.schedule(ms / 1_000, fn),
  };
  const never = (request: Request) =>
    new Promise<Response>((_, reject) => request.signal.addEventListener("abort", () => reject(request.signal.reason), { once: true }));
  const still = () => new Response(new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array([32])) }));
  const trickle = () => new Response(trickling());
  const noAnswer = /^daemonkit: Cannot reach [^\n]+ as it must answer within 5 s: it is there [^\n]+\n$/;
  for (const args of CALLS.filter((args) => !args.includes("-f") && args[0] !== "profile")) {
    for (const answer of [lively(still), lively(trickle), never]) {
      const { code, machine } = await ask(args, answer, { clock: hasty });
      assert.equal(code, 5, `${args.join(" ")}: ${machine.err}`);
      assert.match(machine.err, noAnswer, args.join(" "));
    }
  }
});

test("a command that takes long ends when the daemon does not live any more", async () => {
  const hasty: Clock = { ...systemClock, schedule: (ms, fn) => systemClock.schedule(ms / 1_000, fn) };
  for (const args of [["stop", "api"], ["wait", "api"], ["reload"], ["signal", "HUP", "api"]]) {
    let asked = 0;
    const answer: Answer = (request) => {
      const isFirst = asked++ === 0;
      if (isFirst) return new Response("ok", { headers: { "daemonkit-protocol": "1" } });
      return new Promise<Response>((_, reject) =>
        request.signal.addEventListener("abort", () => reject(request.signal.reason), { once: true })
      );
    };
    const { code, machine } = await ask(args, answer, { clock: hasty });
    assert.equal(code, 5, `${args.join(" ")}: ${machine.err}`);
    assert.match(machine.err, /^daemonkit: Cannot reach [^\n]+ as it must answer within 5 s/);
    assert.ok(asked >= 4);
  }
});

function status(state = "failed", text = "x"): Record<string, unknown> {
  const unit = { name: text, kind: "service", state, ready: false, desired: "up", reason: text, run: 1, restarts: 1, startedAt: TIME };
  return {
    v: 1,
    name: text,
    id: text,
    version: text,
    runtime: text,
    protocol: 1,
    pid: 999_999,
    config: text,
    configVersion: 1,
    state: "running",
    ready: false,
    startedAt: TIME,
    uptimeMs: 1,
    residentBytes: 1,
    notices: [text],
    units: [{ ...unit, details: { escaped: [text], ending: [text], lastLines: [text], heartbeat: text } }],
  };
}

/** A daemon that is right in all but the texts that it chooses. */
function ofHostileTexts(request: Request): Response {
  const { pathname } = new URL(request.url);
  const unit = { name: HOSTILE, state: "failed", outcome: HOSTILE, ok: false, reason: HOSTILE, note: HOSTILE };
  const event = { v: 1, seq: 1, time: TIME };
  if (pathname === "/v1/status") return Response.json(status("failed", HOSTILE));
  if (pathname === "/v1/reload") {
    const change = { kind: "changed", name: HOSTILE, keys: [], effect: "live", from: HOSTILE, to: HOSTILE };
    return Response.json({
      v: 1,
      ok: true,
      dryRun: false,
      version: 1,
      unchanged: 1,
      changes: [change, { ...change, keys: [HOSTILE] }],
      units: [unit],
    });
  }
  if (pathname === "/v1/logs") {
    const line = { seq: 1, time: TIME, name: HOSTILE, stream: "stderr", text: `a${HOSTILE}b` };
    const headers = {
      "daemonkit-kept-from": "\u009b2J\u007f".replace(/[^\x20-\xff]/g, ""),
      "daemonkit-first": "1",
      "daemonkit-matched": "1",
    };
    return new Response(`${JSON.stringify(line)}\n${JSON.stringify({ dropped: 3 })}\n`, { headers });
  }
  if (pathname === "/v1/events") {
    const items = [
      { ...event, type: "unit.state", name: HOSTILE, run: 1, from: "running", to: "failed", reason: HOSTILE },
      { ...event, type: "unit.ready", name: HOSTILE, run: 1, ready: true },
      { ...event, type: `daemon.${HOSTILE}`, reason: HOSTILE },
      { ...event, type: "daemon.stopped", reason: HOSTILE, killed: [HOSTILE] },
      { ...event, type: "config.reload", version: 1, outcome: "refused", changed: [HOSTILE], reason: HOSTILE },
    ];
    return new Response(items.map((item) => `${JSON.stringify(item)}\n`).join(""));
  }
  if (pathname.startsWith("/v1/units/") || pathname === "/v1/wait") return Response.json({ v: 1, ok: false, units: [unit] });
  return new Response("x");
}

function ofHostileProblem(): Response {
  const issue = { source: HOSTILE, path: HOSTILE, message: HOSTILE, hint: HOSTILE };
  return Response.json({ status: 422, code: HOSTILE, detail: HOSTILE, hint: HOSTILE, issues: [issue] }, { status: 422 });
}

function refuseRaw({ out, err, nodes }: FakeMachine, what: string): void {
  const shown = what.includes("--watch") ? out.replace(SCREEN, "") : out;
  for (const text of [shown, err]) {
    assert.doesNotMatch(text.replaceAll("\r\x1b[K", "").replace(what.startsWith("logs") ? STYLES : OWN, ""), RAW, what);
  }
  for (const path of nodes.keys()) assert.doesNotMatch(path, RAW, what);
}

test("nothing that a daemon answers does anything to a terminal, or gets into the name of a file", async () => {
  for (const args of CALLS) {
    for (const answer of [ofHostileTexts, ofHostileProblem]) {
      const { machine } = await ask(args, lively(answer), { columns: 200 });
      refuseRaw(machine, args.join(" "));
      assert.notEqual(machine.out + machine.err, "");
    }
  }
  const { machine } = await ask(["__complete", "stop", ""], ofHostileTexts, { columns: 200 });
  refuseRaw(machine, "__complete");
});

test("nothing on a command line does anything to a terminal", async () => {
  const rows: string[][] = [
    [HOSTILE],
    [HOSTILE, HOSTILE],
    ["config", HOSTILE],
    ["config", "explain", HOSTILE],
    ["help", HOSTILE],
    [`--${HOSTILE}`],
    ["-c", HOSTILE, "status"],
    ["--config", HOSTILE],
    ["--socket", HOSTILE, "status"],
    ["run", HOSTILE],
    ["up", HOSTILE],
    ["validate", HOSTILE],
    ["validate", "--set", HOSTILE],
    ["validate", "--set", `name=${HOSTILE}`],
    ["completion", HOSTILE],
    ["profile", HOSTILE],
    ["signal", HOSTILE, "api"],
    ["start", HOSTILE, "--all"],
    ["version", HOSTILE],
    ["schema", HOSTILE],
    ...COMMANDS.flatMap(({ name }) => [[...name.split(" "), `--${HOSTILE}`], [...name.split(" "), HOSTILE, HOSTILE, HOSTILE]]),
    ...["--timeout", "--for", "--log-level", "-n", "--since", "--grep", "--seconds", "-o"].flatMap((option) =>
      ["wait", "logs", "profile", "run", "stop"].map((verb) => [verb, "api", option, HOSTILE])
    ),
  ];
  for (const columns of [200, undefined]) {
    for (const args of rows) {
      const machine = new FakeMachine();
      machine.terminalColumns = columns;
      machine.env.XDG_RUNTIME_DIR = "/run/user/1000";
      await main(args, { host: machine.host });
      refuseRaw(machine, JSON.stringify(args));
    }
  }
});

test("names on a command line that a daemon does not know do nothing to a terminal", async () => {
  for (const args of CALLS.filter((args) => args.includes("api"))) {
    const named = args.map((arg) => arg === "api" ? HOSTILE : arg);
    const answers = [
      (request: Request) => Response.json({ status: 404, code: "SUBSYSTEM_UNKNOWN", detail: new URL(request.url).search }, { status: 404 }),
      () => Response.json({ v: 1, ok: true, units: [] }),
    ];
    for (const answer of answers) refuseRaw((await ask(named, lively(answer), { columns: 80 })).machine, named[0]);
  }
  for (const verb of ["status", "logs"]) {
    const nobody = lively((request) => request.url.includes("/v1/status") ? Response.json({ ...status(), units: [] }) : new Response(""));
    refuseRaw((await ask([verb, HOSTILE], nobody, { columns: 80 })).machine, verb);
  }
});

test("nothing in a configuration does anything to a terminal", async () => {
  const quoted = JSON.stringify(HOSTILE).replace(/\x7f/g, "\\u007f");
  const rows = [
    HOSTILE,
    `name = ${quoted}`,
    `[service.${quoted}]\nrun = "true"`,
    `[service.api]\nrun = "true"\n${quoted} = 1`,
    `[service.api]\nrun = "true"\nafter = [${quoted}]`,
    `[service.api]\nrun = "true"\nuser = ${quoted}`,
    `[service.api]\nexec = [${quoted}]`,
    `[service.api]\nrun = "true"\nwork_dir = ${quoted}\nenv_file = ${quoted}\nlog.file = ${quoted}`,
    `[service.api]\nrun = "true"\nenv = { ${quoted} = 1 }`,
    `[listen.${quoted}]\naddress = ${quoted}`,
    `[logging]\nlevel = ${quoted}`,
    `# ${HOSTILE}\nx = 1\n[service.api]\nrun = ${HOSTILE}`,
  ];
  for (const columns of [120, undefined]) {
    for (const text of rows) {
      for (
        const args of [["validate"], ["validate", "--file-only", "--json"], ["config", "show"], ["config", "explain", "name"], ["status"]]
      ) {
        const machine = new FakeMachine();
        machine.terminalColumns = columns;
        machine.env.XDG_RUNTIME_DIR = "/run/user/1000";
        machine.file("/home/me/daemon.toml", text);
        await main(args, { host: machine.host });
        refuseRaw(machine, `${args.join(" ")}: ${JSON.stringify(text)}`);
      }
    }
  }
});

test("a client passes over fields and types of events that it does not know, and refuses what it knows when that is malformed", async () => {
  const later = { later: { than: ["this"] } };
  const unit = { name: "api", state: "running", outcome: "started", ok: true, reason: "", ...later };
  const head = { v: 1, seq: 1, time: TIME, ...later };
  const newer = (request: Request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/v1/status") {
      const { units, ...rest } = status("running");
      return Response.json({ ...rest, ...later, units: (units as object[]).map((each) => ({ ...each, ...later })) });
    }
    if (pathname === "/v1/reload") {
      return Response.json({ v: 1, ok: true, dryRun: false, version: 1, unchanged: 1, changes: [], units: [unit], ...later });
    }
    if (pathname === "/v1/logs") return new Response(`${JSON.stringify({ ...head, name: "api", stream: "stdout", text: "x" })}\n`);
    if (pathname === "/v1/events") {
      const items = [{ ...head, type: "job.run", name: {} }, { ...head, type: "daemon.tired", reason: "late" }, {
        ...head,
        type: "daemon.ready",
        reason: "",
      }];
      return new Response(items.map((item) => `${JSON.stringify(item)}\n`).join(""));
    }
    return Response.json({ v: 1, ok: true, units: [unit], ...later });
  };
  for (const args of CALLS.filter(([verb]) => verb !== "down" && verb !== "profile")) {
    const { code, machine } = await ask(args, lively(newer));
    assert.ok(code === 0 || (args.includes("--watch") && code === 130), `${args.join(" ")}: ${code} ${machine.err}`);
  }
  const { machine } = await ask(["events"], lively(newer));
  assert.deepEqual(machine.out.trim().split("\n").map((line) => line.replace(/^.*daemon +/, "")), ["tired: late", "ready"]);
  for (const [type, field] of [["daemon.tired", "reason"], ["unit.ready", "name"], ["no type", "type"]]) {
    const { code, machine } = await ask(["events"], lively(() => new Response(`${JSON.stringify({ ...head, type })}\n`)));
    assert.deepEqual([code, machine.err.includes(` as ${field} must be `)], [5, true], machine.err);
  }
});
