import { Hono } from "hono";
import type { Context as HonoContext } from "hono";
import { type Clock, systemClock } from "../core/ports/clock.ts";
import { durationMs } from "../core/values/duration.ts";
import { DaemonError, messageOf, TimeoutError } from "../core/values/errors.ts";
import type { DaemonEvent } from "../core/supervise/event.ts";
import type { HttpConnection, HttpHandler } from "../core/ports/http.ts";
import type { Profiler } from "../core/ports/profiler.ts";
import type { Logger } from "../core/ports/log.ts";
import { isTooNestedJson, MAX_NESTING } from "../core/values/nesting.ts";
import type { DaemonStatus, Operations, UnitOutcome, WaitGoal } from "../core/supervise/operations.ts";
import type { LogLine } from "../core/wire/line_block.ts";
import type { OpenFeature } from "../core/feature.ts";
import { type Access, groupOf, refusalOf } from "./access.ts";
import { BodyRefused, readBody, refuseLong } from "./body.ts";
import { answerHealth, type HealthCheck, healthChecks, healthChecksOf } from "./health.ts";
import { type Metric, METRICS, writeMetrics } from "./metrics.ts";
import { Exposition, METRICS_TYPES, metricsFormat } from "../core/wire/exposition.ts";
import { answerProblem, problem, type ProblemDetails, problemOf } from "./problem.ts";
import { profileRoutes, ProfileTurn } from "./profile.ts";
import { parseSignal } from "./signal.ts";
import { DEFAULT_MAX_BODY_BYTES, DEFAULT_MAX_CLIENTS, LISTENER_GROUPS } from "./spec.ts";
import { OpenStreams, type StreamFormat } from "./stream.ts";

/** Options of {@linkcode controlHandler}. */
export interface ControlOptions {
  /** Operations of the daemon. */
  operations: Operations;
  /** Version of daemonkit, on every answer. */
  version: string;
  /** Version of the protocol, on every answer; a client that speaks another may only ask for the status and stop the daemon. */
  protocol: number;
  /** Told of failures that are the daemon's own. */
  log: Logger;
  /** Time, for the `timeout` of commands. @default {systemClock} */
  clock?: Clock;
  /** Features with series and routes of their own. @default {none} */
  features?: () => Iterable<OpenFeature>;
  /** Whether metrics are there; asked for each request, as a reload may change it. @default {() => true} */
  isMetricsEnabled?: () => boolean;
  /** Measurements of the program, in the format that an `Accept` header asks for. @default {there are none} */
  programMetrics?: (accept: string | undefined) => string;
  /** Access rules, read for each request. @default {a socket of the same user that allows everything} */
  access?: () => Access;
  /** Profiles this process; without it there are no such routes. */
  profiler?: Profiler;
  /** Shared by the listeners of a daemon, so that one profile is taken at a time. @default {new ProfileTurn()} */
  profileTurn?: ProfileTurn;
}

/** Answers the requests of a listener. */
export interface ControlHandler extends HttpHandler {
  /** Its open streams, to be ended before the server stops. */
  readonly streams: OpenStreams;
  /** Requests and streams that it has now. */
  readonly clients: number;
  /** Everything that it answers, as hono spells it. */
  readonly routes: readonly { method: string; path: string }[];
}

/** Answer of `/v1/status`. */
export interface StatusAnswer extends DaemonStatus {
  /** Version of the protocol that the daemon speaks. */
  protocol: number;
}

/** Answer of a command on units. */
export interface OutcomesAnswer {
  /** Version of this shape. */
  v: 1;
  /** Whether every unit is where the command wanted it. */
  ok: boolean;
  /** Outcome for each unit that the patterns matched; empty when none did. */
  units: UnitOutcome[];
}

const OPEN_TO_ALL: Access = {
  name: "admin",
  address: { unix: "" },
  allow: LISTENER_GROUPS,
  tokenHash: undefined,
  maxBodyBytes: DEFAULT_MAX_BODY_BYTES,
  maxClients: DEFAULT_MAX_CLIENTS,
};
type Add = Parameters<Metric["read"]>[1];
const BUSY_RETRY_SECONDS = 1;
const MAX_LINES = 10_000;
const DEFAULT_LINES = 100;
const DEFAULT_WAIT = "30s";
const WAIT_GOALS: readonly WaitGoal[] = ["ready", "started", "stopped"];
const COMMANDS = ["start", "stop", "restart"] as const;
type Command = (typeof COMMANDS)[number];

/**
 * Makes the handler of a listener: health, metrics and control, each where {@linkcode Access} allows it.
 *
 * - `/v1/status` and `/v1/stop` never change, so that any client can look at any daemon and stop it.
 * - A command on units answers when their state has changed, not when it was accepted.
 * - Failures are RFC 9457 problems with `code`, `hint` and `issues`.
 */
export function controlHandler(options: ControlOptions): ControlHandler {
  const {
    operations,
    version,
    protocol,
    log,
    clock = systemClock,
    isMetricsEnabled = () => true,
    programMetrics = () => "",
    features = () => [],
    access = () => OPEN_TO_ALL,
    profiler,
    profileTurn = new ProfileTurn(),
  } = options;
  const streams = new OpenStreams(clock);
  const app = new Hono();

  app.onError((error) => {
    if (error instanceof BodyRefused) return answerProblem(error.problem);
    const made = problemOf(error);
    if (made.status === 500) log.error("a control request failed", { err: error });
    return answerProblem(made);
  });
  app.notFound((c) => {
    const { method, path } = c.req;
    const route = [...features()].flatMap((feature) => feature.routes?.() ?? []).find((each) =>
      each.method === method && each.path === path
    );
    return route === undefined ? answerProblem(notThere(method, path)) : route.answer(c.req.raw);
  });
  app.use(async (c, next) => {
    const now = access();
    const refused = await refusalOf(c.req.raw, c.req.path, now);
    if (refused !== undefined) return answerProblem(refused);
    if (groupOf(c.req.path) === "metrics" && !isMetricsEnabled()) {
      return answerProblem(problem(404, "IPC_PROTOCOL", "Cannot answer as metrics are off", "set enable_metrics of [monitoring]"));
    }
    refuseLong(c.req.raw, now.maxBodyBytes);
    await next();
  });

  // Health: never a token, never more than a look at what is there.
  const health = (c: HonoContext, title: string, checks: readonly HealthCheck[]): Response => {
    const { verbose } = c.req.query();
    return answerHealth(title, checks, {
      exclude: (c.req.queries("exclude") ?? []).flatMap((text) => text.split(",")).map((name) => name.trim()).filter((name) => name !== ""),
      isVerbose: verbose !== undefined && verbose !== "0" && verbose !== "false",
      isJson: /\bjson\b/.test(c.req.header("accept") ?? ""),
    });
  };
  app.get("/livez", (c) => health(c, "livez", []));
  for (const path of ["/readyz", "/healthz"]) {
    app.get(path, (c) => health(c, path.slice(1), healthChecks(operations.status())));
  }
  app.get("/readyz/:name{.+}", (c) => {
    const name = c.req.param("name");
    const names = operations.resolve([name]);
    if (names.length === 0) {
      return answerProblem(problem(404, "SUBSYSTEM_UNKNOWN", `Cannot find a unit that ${JSON.stringify(name)} matches`));
    }
    return health(c, "readyz", healthChecksOf(names, operations.status()));
  });
  app.get("/startupz", (c) => {
    const { hasStarted } = operations.measures();
    return health(c, "startupz", hasStarted ? [] : healthChecks(operations.status()));
  });
  app.get("/metrics", (c) => {
    const accept = c.req.header("accept");
    const exposition = new Exposition(metricsFormat(accept));
    const source = { status: operations.status(), measures: operations.measures(), lines: operations.lineCounts() };
    const own = [...features()].flatMap((feature) => feature.metrics?.() ?? []);
    writeMetrics(source, exposition, [
      ...METRICS,
      ...own.map(({ read, ...metric }) => ({ ...metric, read: (_: unknown, add: Add) => read(add) })),
    ]);
    exposition.append(programMetrics(accept));
    return c.body(exposition.end(), 200, { "content-type": METRICS_TYPES[exposition.format], "cache-control": "no-store" });
  });

  // These two routes work with every version of the protocol.
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

  // The routes below need the same version of the protocol on both sides.
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

  app.get("/v1/openapi.json", async (c) => {
    const { openApiDocument } = await import("./openapi.ts");
    return c.json(openApiDocument(version));
  });

  const readObject = async (c: HonoContext) => parseObject(await readBody(c.req.raw, { maxBytes: access().maxBodyBytes, clock }));
  const command = async (c: HonoContext, verb: Command, patterns: readonly string[], timeout: unknown): Promise<Response> => {
    const names = operations.resolve(patterns);
    const units = names.length === 0 ? [] : await limited(verb, timeout, clock, (signal) => operations[verb](names, { signal }));
    return c.json({ v: 1, ok: units.every((unit) => unit.ok), units } satisfies OutcomesAnswer);
  };
  for (const verb of COMMANDS) {
    app.post(`/v1/units/${verb}`, async (c) => {
      const { names, timeout } = readNames(await readObject(c));
      return await command(c, verb, names, timeout ?? c.req.query("timeout"));
    });
    app.post(`/v1/units/:name/${verb}`, async (c) => await command(c, verb, [c.req.param("name")], c.req.query("timeout")));
  }

  const signal = (patterns: readonly string[], text: unknown): OutcomesAnswer => {
    if (typeof text !== "string") {
      throw badRequest(`Cannot send a signal as "signal" must be the name of one: current value is ${shown(text)}`);
    }
    const units = operations.signal(operations.resolve(patterns), readAs(parseSignal, text));
    return { v: 1, ok: units.every((unit) => unit.ok), units };
  };
  app.post("/v1/units/signal", async (c) => {
    const { names, signal: text } = readNames(await readObject(c));
    return c.json(signal(names, text));
  });
  app.post("/v1/units/:name/signal", async (c) => c.json(signal([c.req.param("name")], (await readObject(c)).signal)));

  app.post("/v1/reload", async (c) => {
    const { dryRun = "0", timeout } = c.req.query();
    if (dryRun !== "0" && dryRun !== "1") {
      // Any other spelling is refused, as its author probably wants nothing to change.
      throw badRequest(`Cannot reload as "dryRun" must be 0 or 1: current value is ${JSON.stringify(dryRun)}`);
    }
    const reload = (signal?: AbortSignal) => operations.reload({ dryRun: dryRun === "1", ...(signal === undefined ? {} : { signal }) });
    return c.json(await limited("reload", timeout, clock, reload));
  });

  app.get("/v1/wait", async (c) => {
    // Not every runtime tells quietly that the asker has gone, so no wait is without an end.
    const { for: goal = "ready", timeout = DEFAULT_WAIT } = c.req.query();
    if (!isWaitGoal(goal)) {
      throw badRequest(`Cannot wait as "for" must be one of ${WAIT_GOALS.join(", ")}: current value is ${JSON.stringify(goal)}`);
    }
    const patterns = c.req.queries("name") ?? [];
    const units = await limited("wait", timeout, clock, async (signal) => {
      await operations.prepared({ signal });
      const names = operations.resolve(patterns);
      return names.length === 0 ? [] : await operations.wait(names, goal, { signal });
    });
    return c.json({ v: 1, ok: units.every((unit) => unit.ok), units } satisfies OutcomesAnswer);
  });

  app.get("/v1/logs", (c) => {
    const patterns = c.req.queries("name") ?? [];
    const { n, since, contains, grep } = c.req.query();
    if (grep !== undefined) {
      throw badRequest('Cannot answer as "grep" must be left to the client: ask for lines with a text by "contains", or use `logs --grep`');
    }
    const lastSeen = lastEventId(c);
    const limit = lineLimit(n, since === undefined && lastSeen === undefined ? DEFAULT_LINES : MAX_LINES);
    const oldest = since === undefined ? "" : new Date(Math.max(0, clock.wallMs() - readAs(durationMs, since))).toISOString();
    const isWanted = since === undefined && contains === undefined ? undefined : lineFilter(oldest, contains);
    const names = operations.resolve(patterns);
    const isNothing = patterns.length > 0 && names.length === 0;
    const units = patterns.length === 0 ? [] : names;
    const newest = operations.lines([], 1)[0]?.seq ?? 0;
    // A number from the future is one of a daemon that ran before.
    const from = lastSeen === undefined || lastSeen > newest ? 0 : lastSeen;
    const isNew = from === 0 ? isWanted : (line: LogLine) => line.seq > from && (isWanted === undefined || isWanted(line));
    const first = isNothing || limit === 0 ? [] : operations.lines(units, limit, isNew);
    // The missing lines can be counted only when all lines were wanted.
    const missed = lastSeen !== undefined && patterns.length === 0 && isWanted === undefined ? newest - from - first.length : 0;
    const follow = c.req.query("follow") === "1" && !isNothing
      ? {
        follow: (fn: (line: LogLine) => void) =>
          operations.followLines(units, isWanted === undefined ? fn : (line) => isWanted(line) && fn(line)),
      }
      : {};
    const response = streams.open({ format: formatOf(c, "ndjson"), first, missed, ...follow });
    response.headers.set("daemonkit-matched", String(names.length));
    response.headers.set("daemonkit-first", String(first.length));
    // A client that wants older lines than are kept is told from when on all are there.
    if (!isNothing && lastSeen === undefined && first.length < limit) {
      const counts = operations.lineCounts().filter(({ name }) => units.length === 0 || units.includes(name));
      const keptFrom = counts.map((unit) => unit.keptFrom ?? "").reduce((a, b) => a > b ? a : b, "");
      if (keptFrom > oldest) response.headers.set("daemonkit-kept-from", keptFrom);
    }
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

  if (profiler !== undefined) profileRoutes(app, { profiler, clock, streams, turn: profileTurn });

  let running = 0;
  const admit = async (request: Request, isCrowded: boolean): Promise<Response> => {
    const { maxClients } = access();
    // Health ends at once, and is asked most when much is going on.
    const isHealth = groupOf(pathOf(request)) === "health";
    if (!isHealth && (isCrowded || running + streams.size >= maxClients)) {
      const made = problem(
        503,
        "IPC_BUSY",
        isCrowded
          ? "Cannot answer as more connections are at work than this process has files for"
          : `Cannot answer as there must be at most ${maxClients} clients at once`,
        isCrowded ? "come again, or raise the limit of open files" : "come again, or raise max_clients",
      );
      return answerProblem(made, { "retry-after": String(BUSY_RETRY_SECONDS) });
    }
    running++;
    try {
      return await answer(app, request);
    } finally {
      running--;
    }
  };
  const handler = async (request: Request, { isCrowded = false }: Partial<HttpConnection> = {}): Promise<Response> => {
    const response = await admit(request, isCrowded);
    response.headers.set("daemonkit-protocol", String(protocol));
    response.headers.set("daemonkit-version", version);
    return response;
  };
  return Object.defineProperties(handler, {
    streams: { value: streams },
    clients: { get: () => running + streams.size },
    routes: { get: () => app.routes.filter(({ method }) => method !== "ALL").map(({ method, path }) => ({ method, path })) },
  }) as typeof handler & ControlHandler;
}

/** The path alone; what is no URL is nobody's. */
function pathOf({ url }: Request): string {
  return URL.parse(url)?.pathname ?? "";
}

/** Brings a request into the shape that hono expects, whatever the runtime made of what came over the wire. */
async function answer(app: Hono, request: Request): Promise<Response> {
  // Without a usable "Host", as from a client of HTTP 1.0, Bun gives the path alone and Deno something that is no URL.
  const url = request.url.startsWith("/") ? `http://localhost${request.url}` : request.url;
  if (!URL.canParse(url)) return answerProblem(problem(400, "IPC_PROTOCOL", "Cannot answer as path and Host must make a URL"));
  if (request.method !== "HEAD") return await app.fetch(url === request.url ? request : new Request(url, request));
  // Not by hono, which would leave a stream open that nobody reads.
  const { headers } = request;
  const response = await app.fetch(new Request(url, { headers }));
  await response.body?.cancel();
  return new Response(null, response);
}

function notThere(method: string, path: string): ProblemDetails {
  return problem(404, "IPC_PROTOCOL", `Cannot answer as there is no ${method} ${path}`);
}

function isWaitGoal(text: string): text is WaitGoal {
  return WAIT_GOALS.some((goal) => goal === text);
}

function formatOf(c: HonoContext, otherwise: StreamFormat): StreamFormat {
  const accept = c.req.header("accept") ?? "";
  if (accept.includes("text/event-stream")) return "sse";
  return accept.includes("ndjson") ? "ndjson" : otherwise;
}

function parseObject(text: string): Record<string, unknown> {
  if (isTooNestedJson(text)) {
    throw badRequest(`Cannot read the body as it must have at most ${MAX_NESTING} lists and objects within one another`);
  }
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (cause) {
    throw badRequest(`Cannot read the body as it must be JSON: ${messageOf(cause)}`);
  }
  if (typeof body === "object" && body !== null && !Array.isArray(body)) return body as Record<string, unknown>;
  throw badRequest(`Cannot read the body as it must be a JSON object: current value is ${shown(body)}`);
}

/** Reads `{"names": [...], "timeout": "30s", "signal": "HUP"}`. */
function readNames({ names, timeout, signal }: Record<string, unknown>): { names: string[]; timeout?: unknown; signal?: unknown } {
  if (!(Array.isArray(names) && names.length > 0 && names.every((name) => typeof name === "string" && name !== ""))) {
    throw badRequest(`Cannot read the body as "names" must be a list of names or patterns: current value is ${shown(names)}`);
  }
  return { names, timeout, signal };
}

/** A value for a message, not at any length that somebody sends. */
function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 100 ? `${text.slice(0, 99)}…` : text;
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

/** Returns the events after a number, and how many of them are gone. A number from the future is one of a daemon that ran before. */
function after(kept: readonly DaemonEvent[], lastSeen: number): { first: DaemonEvent[]; missed: number } {
  const from = lastSeen > (kept.at(-1)?.seq ?? 0) ? 0 : lastSeen;
  return { first: kept.filter(({ seq }) => seq > from), missed: Math.max(0, (kept[0]?.seq ?? 1) - from - 1) };
}

/**
 * Lets through what is not older than a time and contains a text. No expression: one that is slow would keep the daemon from all else, and
 * anybody who may ask could send it.
 */
function lineFilter(oldest: string, contains: string = ""): (line: LogLine) => boolean {
  // Times are written in one form, so their texts are in their order.
  return (line) => line.time >= oldest && line.text.includes(contains);
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
async function limited<T>(
  verb: Command | "wait" | "reload",
  timeout: unknown,
  clock: Clock,
  run: (signal?: AbortSignal) => Promise<T>,
): Promise<T> {
  if (timeout === undefined) return await run();
  const timeoutMs = readAs(durationMs, timeout as string);
  const controller = new AbortController();
  const timer = clock.schedule(timeoutMs, () => {
    controller.abort(new TimeoutError("TIMEOUT", `Cannot wait any longer for ${verb} after ${timeout}; it goes on in the daemon`));
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
