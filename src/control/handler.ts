import { Hono } from "hono";
import type { Context as HonoContext } from "hono";
import { bodyLimit } from "hono/body-limit";
import { type Clock, systemClock } from "../core/clock.ts";
import { durationMs } from "../core/duration.ts";
import { DaemonError, messageOf, TimeoutError } from "../core/errors.ts";
import type { DaemonEvent } from "../core/event.ts";
import type { HttpHandler } from "../core/host.ts";
import type { Logger } from "../core/log.ts";
import type { DaemonStatus, LogLine, Operations, UnitOutcome, WaitGoal } from "../core/operations.ts";
import { parsePattern } from "./pattern.ts";
import { type Problem, problem, problemOf } from "./problem.ts";
import { parseSignal } from "./signal.ts";
import { OpenStreams, type StreamFormat } from "./stream.ts";

/** What {@linkcode controlHandler} works with. */
export interface ControlOptions {
  /** What it may ask of the daemon. */
  operations: Operations;
  /** Version of daemonkit, on every answer. */
  version: string;
  /** Version of the protocol, on every answer; a client that speaks another may only ask for the status and stop the daemon. */
  protocol: number;
  /** Told of failures that are the daemon's own. */
  log: Logger;
  /** Time, for the `timeout` of commands. @default {systemClock} */
  clock?: Clock;
}

/** Answers the requests of a control socket. */
export interface ControlHandler extends HttpHandler {
  /** Its open streams, to be ended before the server stops. */
  readonly streams: OpenStreams;
}

/** What `/v1/status` answers. */
export interface StatusAnswer extends DaemonStatus {
  /** Version of the protocol that the daemon speaks. */
  protocol: number;
}

/** What a command on units answers. */
export interface OutcomesAnswer {
  /** Version of this shape. */
  v: 1;
  /** Whether every unit is where the command wanted it. */
  ok: boolean;
  /** What happened to each unit that the patterns matched; empty when none did. */
  units: UnitOutcome[];
}

const MAX_BODY_BYTES = 65_536;
const MAX_LINES = 10_000;
const DEFAULT_LINES = 100;
const DEFAULT_WAIT = "30s";
const WAIT_GOALS: readonly WaitGoal[] = ["ready", "started", "stopped"];
const COMMANDS = ["start", "stop", "restart"] as const;
type Command = (typeof COMMANDS)[number];

/**
 * Makes the handler of the control plane.
 *
 * - `/v1/status` and `/v1/stop` never change, so that any client can look at any daemon and stop it.
 * - A command on units answers when their state has changed, not when it was accepted.
 * - Failures are RFC 9457 problems with `code`, `hint` and `issues`.
 */
export function controlHandler(options: ControlOptions): ControlHandler {
  const { operations, version, protocol, log, clock = systemClock } = options;
  const streams = new OpenStreams();
  const app = new Hono();

  app.use(async (c, next) => {
    await next();
    c.res.headers.set("daemonkit-protocol", String(protocol));
    c.res.headers.set("daemonkit-version", version);
  });
  app.onError((error) => {
    const made = problemOf(error);
    if (made.status === 500) log.error("a control request failed", { err: error });
    return answerProblem(made);
  });
  app.notFound((c) => answerProblem(problem(404, "IPC_PROTOCOL", `Cannot answer as there is no ${c.req.method} ${c.req.path}`)));

  // What never changes.
  app.get("/livez", (c) => c.text("ok\n"));
  app.get("/v1/status", (c) => {
    const patterns = c.req.queries("name") ?? [];
    const status = operations.status();
    if (patterns.length === 0) return c.json({ ...status, protocol } satisfies StatusAnswer);
    const names = new Set(operations.resolve(patterns));
    return c.json({ ...status, units: status.units.filter((unit) => names.has(unit.name)), protocol } satisfies StatusAnswer);
  });
  app.post("/v1/stop", (c) => {
    operations.shutdown("asked to stop over the control socket");
    return c.json({ v: 1, state: "stopping", pid: operations.status().pid, protocol }, 202);
  });

  // What both sides have to agree on.
  app.use(async (c, next) => {
    const theirs = c.req.header("daemonkit-protocol");
    if (theirs === undefined || theirs === String(protocol)) return await next();
    return answerProblem(problem(
      409,
      "IPC_PROTOCOL",
      `Cannot answer as client and daemon must speak the same protocol: the client speaks ${theirs}, daemonkit ${version} speaks ${protocol}`,
      "`daemonkit status` and `daemonkit down` work with every version",
    ));
  });
  app.use(bodyLimit({
    maxSize: MAX_BODY_BYTES,
    onError: () => answerProblem(problem(413, "IPC_PROTOCOL", `Cannot read the body as it must be at most ${MAX_BODY_BYTES} bytes`)),
  }));

  const command = async (c: HonoContext, verb: Command, patterns: readonly string[], timeout: unknown): Promise<Response> => {
    const names = operations.resolve(patterns);
    const units = names.length === 0 ? [] : await limited(verb, timeout, clock, (signal) => operations[verb](names, { signal }));
    return c.json({ v: 1, ok: units.every((unit) => unit.ok), units } satisfies OutcomesAnswer);
  };
  for (const verb of COMMANDS) {
    app.post(`/v1/services/${verb}`, async (c) => {
      const { names, timeout } = await readNames(c);
      return await command(c, verb, names, timeout ?? c.req.query("timeout"));
    });
    app.post(`/v1/services/:name/${verb}`, async (c) => await command(c, verb, [c.req.param("name")], c.req.query("timeout")));
  }

  const signal = (patterns: readonly string[], text: unknown): OutcomesAnswer => {
    if (typeof text !== "string") {
      throw badRequest(`Cannot send a signal as "signal" must be the name of one: current value is ${JSON.stringify(text)}`);
    }
    const units = operations.signal(operations.resolve(patterns), readAs(parseSignal, text));
    return { v: 1, ok: units.every((unit) => unit.ok), units };
  };
  app.post("/v1/services/signal", async (c) => {
    const { names, signal: text } = await readNames(c);
    return c.json(signal(names, text));
  });
  app.post("/v1/services/:name/signal", async (c) => c.json(signal([c.req.param("name")], (await readObject(c)).signal)));

  app.get("/v1/wait", async (c) => {
    // Not every runtime tells quietly that the asker has gone, so no wait is without an end.
    const { for: goal = "ready", timeout = DEFAULT_WAIT } = c.req.query();
    if (!isWaitGoal(goal)) {
      throw badRequest(`Cannot wait as "for" must be one of ${WAIT_GOALS.join(", ")}: current value is ${JSON.stringify(goal)}`);
    }
    const names = operations.resolve(c.req.queries("name") ?? []);
    const units = names.length === 0 ? [] : await limited("wait", timeout, clock, (signal) => operations.wait(names, goal, { signal }));
    return c.json({ v: 1, ok: units.every((unit) => unit.ok), units } satisfies OutcomesAnswer);
  });

  app.get("/v1/logs", (c) => {
    const patterns = c.req.queries("name") ?? [];
    const { n, since, grep } = c.req.query();
    const lastSeen = lastEventId(c);
    const limit = lineLimit(n, since === undefined && lastSeen === undefined ? DEFAULT_LINES : MAX_LINES);
    const isWanted = lineFilter({ since, grep }, clock);
    const names = operations.resolve(patterns);
    const isNothing = patterns.length > 0 && names.length === 0;
    const units = patterns.length === 0 ? [] : names;
    const newest = operations.lines([], 1)[0]?.seq ?? 0;
    // A number from the future is one of a daemon that ran before.
    const from = lastSeen === undefined || lastSeen > newest ? 0 : lastSeen;
    const isNew = from === 0 ? isWanted : (line: LogLine) => line.seq > from && (isWanted === undefined || isWanted(line));
    const first = isNothing || limit === 0 ? [] : operations.lines(units, limit, isNew);
    // What the missing ones were is known only to who wanted all of them.
    const missed = lastSeen !== undefined && patterns.length === 0 && isWanted === undefined ? newest - from - first.length : 0;
    const follow = c.req.query("follow") === "1" && !isNothing
      ? {
        follow: (fn: (line: LogLine) => void) =>
          operations.followLines(units, isWanted === undefined ? fn : (line) => isWanted(line) && fn(line)),
      }
      : {};
    const response = streams.open({ format: formatOf(c, "ndjson"), first, missed, ...follow });
    response.headers.set("daemonkit-matched", String(names.length));
    return response;
  });
  app.get("/v1/events", (c) => {
    const isFollowing = c.req.query("follow") !== "0";
    const limit = lineLimit(c.req.query("n"), isFollowing ? 0 : MAX_LINES);
    const kept = operations.events();
    const lastSeen = lastEventId(c);
    const { first, missed } = lastSeen === undefined ? { first: limit === 0 ? [] : kept.slice(-limit), missed: 0 } : after(kept, lastSeen);
    const follow = isFollowing ? { follow: (fn: (event: DaemonEvent) => void) => operations.followEvents(fn) } : {};
    return streams.open({ format: formatOf(c, "sse"), first, missed, ...follow });
  });

  return Object.assign((request: Request) => app.fetch(request), { streams });
}

function isWaitGoal(text: string): text is WaitGoal {
  return WAIT_GOALS.some((goal) => goal === text);
}

function answerProblem(made: Problem): Response {
  return new Response(JSON.stringify(made), { status: made.status, headers: { "content-type": "application/problem+json" } });
}

function formatOf(c: HonoContext, otherwise: StreamFormat): StreamFormat {
  const accept = c.req.header("accept") ?? "";
  if (accept.includes("text/event-stream")) return "sse";
  return accept.includes("ndjson") ? "ndjson" : otherwise;
}

async function readObject(c: HonoContext): Promise<Record<string, unknown>> {
  let body: unknown;
  try {
    body = await c.req.json();
  } catch (cause) {
    throw badRequest(`Cannot read the body as it must be JSON: ${messageOf(cause)}`);
  }
  if (typeof body === "object" && body !== null && !Array.isArray(body)) return body as Record<string, unknown>;
  throw badRequest(`Cannot read the body as it must be a JSON object: current value is ${JSON.stringify(body).slice(0, 100)}`);
}

/** Reads `{"names": [...], "timeout": "30s", "signal": "HUP"}`. */
async function readNames(c: HonoContext): Promise<{ names: string[]; timeout?: unknown; signal?: unknown }> {
  const { names, timeout, signal } = await readObject(c);
  if (!(Array.isArray(names) && names.length > 0 && names.every((name) => typeof name === "string" && name !== ""))) {
    throw badRequest(`Cannot read the body as "names" must be a list of names or patterns: current value is ${JSON.stringify(names)}`);
  }
  return { names, timeout, signal };
}

function lineLimit(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (!/^\d{1,9}$/.test(text)) {
    throw badRequest(`Cannot answer as "n" must be how many of the newest: current value is ${JSON.stringify(text)}`);
  }
  return Math.min(Number(text), MAX_LINES);
}

/** Number of the event that a reader who comes back saw last; undefined for one who comes for the first time. */
function lastEventId(c: HonoContext): number | undefined {
  const text = c.req.header("last-event-id");
  if (text === undefined || text === "") return undefined;
  if (!/^\d{1,15}$/.test(text)) {
    throw badRequest(`Cannot resume as "Last-Event-ID" must be the id of an event: current value is ${JSON.stringify(text)}`);
  }
  return Number(text);
}

/** What came after an event, and how much of that is no longer there. A number from the future is one of a daemon that ran before. */
function after(kept: readonly DaemonEvent[], lastSeen: number): { first: DaemonEvent[]; missed: number } {
  const from = lastSeen > (kept.at(-1)?.seq ?? 0) ? 0 : lastSeen;
  return { first: kept.filter(({ seq }) => seq > from), missed: Math.max(0, (kept[0]?.seq ?? 1) - from - 1) };
}

/** What `since` (a duration back from now) and `grep` (a regular expression) let through; undefined when neither is there. */
function lineFilter({ since, grep }: { since?: string; grep?: string }, clock: Clock): ((line: LogLine) => boolean) | undefined {
  if (since === undefined && grep === undefined) return undefined;
  let oldest = "";
  let pattern: RegExp | undefined;
  if (since !== undefined) oldest = new Date(Math.max(0, clock.wallMs() - readAs(durationMs, since))).toISOString();
  if (grep !== undefined) pattern = readAs(parsePattern, grep);
  // Times are written in one form, so their texts are in their order.
  return (line) => line.time >= oldest && (pattern === undefined || pattern.test(line.text));
}

/** Reads what was asked for; what can't be read is the asker's mistake. */
function readAs<T>(read: (text: string) => T, text: string): T {
  try {
    return read(text);
  } catch (error) {
    throw badRequest(messageOf(error));
  }
}

/** Runs a command, and ends the wait for it after `timeout`; the change it asked for goes on. */
async function limited<T>(verb: Command | "wait", timeout: unknown, clock: Clock, run: (signal?: AbortSignal) => Promise<T>): Promise<T> {
  if (timeout === undefined) return await run();
  const timeoutMs = readAs(durationMs, timeout as string);
  const controller = new AbortController();
  const timer = clock.schedule(timeoutMs, () => {
    controller.abort(new TimeoutError("TIMEOUT", `Cannot wait any longer for ${verb} as ${timeout} are over; it goes on in the daemon`));
  });
  try {
    return await run(controller.signal);
  } finally {
    timer[Symbol.dispose]();
  }
}

function badRequest(message: string): DaemonError {
  return new DaemonError("IPC_PROTOCOL", message);
}
