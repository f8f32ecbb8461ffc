import { Hono } from "hono";
import type { OpenFeature } from "../core/feature.ts";
import { type Clock, systemClock } from "../core/ports/clock.ts";
import type { HttpConnection, HttpHandler } from "../core/ports/http.ts";
import type { Logger } from "../core/ports/log.ts";
import type { Profiler } from "../core/ports/profiler.ts";
import type { Operations } from "../core/supervise/operations.ts";
import type { RouteDeclaration, ServedRoute } from "../core/wire/route.ts";
import { type Access, groupOf, refusalOf } from "./access.ts";
import { daemonAnswers } from "./answers/daemon.ts";
import { eventAnswers } from "./answers/events.ts";
import { healthAnswers } from "./answers/health.ts";
import { logAnswers } from "./answers/logs.ts";
import { metricAnswers } from "./answers/metrics.ts";
import type { AnswerPorts } from "./answers/ports.ts";
import { profileAnswers } from "./answers/profile.ts";
import { unitAnswers } from "./answers/units.ts";
import { BodyRefused, refuseLong } from "./body.ts";
import { answerProblem, problem, problemOf } from "./problem.ts";
import { ProfileTurn } from "./profile_turn.ts";
import { readAsked } from "./request.ts";
import { DEFAULT_MAX_BODY_BYTES, DEFAULT_MAX_CLIENTS, LISTENER_GROUPS } from "./spec.ts";
import { OpenStreams } from "./stream.ts";

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
  /** Everything that it answers. */
  readonly routes: readonly RouteDeclaration[];
}

const OPEN_TO_ALL: Access = {
  name: "admin",
  address: { unix: "" },
  allow: LISTENER_GROUPS,
  tokenHash: undefined,
  maxBodyBytes: DEFAULT_MAX_BODY_BYTES,
  maxClients: DEFAULT_MAX_CLIENTS,
};
const BUSY_RETRY_SECONDS = 1;

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
  const ports: AnswerPorts = { operations, version, protocol, clock, streams, features, programMetrics, profiler, turn: profileTurn };
  const own: readonly ServedRoute[] = [
    ...healthAnswers(ports),
    ...metricAnswers(ports),
    ...daemonAnswers(ports, () => served().declarations),
    ...unitAnswers(ports),
    ...logAnswers(ports),
    ...eventAnswers(ports),
    ...profileAnswers(ports),
  ];

  /** Refuses a client that speaks another protocol. */
  const refuseProtocol = (request: Request): Response | undefined => {
    const theirs = request.headers.get("daemonkit-protocol");
    if (theirs === null || theirs === String(protocol)) return undefined;
    return answerProblem(problem(
      409,
      "IPC_PROTOCOL",
      `Cannot answer as client and daemon must speak the same protocol: the client speaks ${theirs}, daemonkit ${version} speaks ${protocol}`,
      "`daemonkit status` and `daemonkit down` work with every version",
    ));
  };
  const appOf = (routes: readonly ServedRoute[]): Hono => {
    const app = new Hono();
    app.onError((error) => {
      if (error instanceof BodyRefused) return answerProblem(error.problem);
      const made = problemOf(error);
      if (made.status === 500) log.error("a control request failed", { err: error });
      return answerProblem(made);
    });
    app.notFound(({ req: { raw, method, path } }) => {
      return refuseProtocol(raw) ?? answerProblem(problem(404, "IPC_PROTOCOL", `Cannot answer as there is no ${method} ${path}`));
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
    for (const { declaration, answer } of routes) {
      app.on(declaration.method, honoPath(declaration.path), async ({ req }) => {
        const refused = declaration.isForAll ? undefined : refuseProtocol(req.raw);
        if (refused !== undefined) return refused;
        const asked = await readAsked(declaration, { request: req.raw, params: req.param() }, { maxBytes: access().maxBodyBytes, clock });
        const answered = await answer(asked);
        return answered instanceof Response ? answered : Response.json(answered, { status: declaration.answers[0].status });
      });
    }
    return app;
  };

  /** The routes at work, made anew when another feature is at work: features open one after another, and some never do. */
  let made: { atWork: readonly OpenFeature[]; app: Hono; declarations: readonly RouteDeclaration[] } | undefined;
  const served = (): { app: Hono; declarations: readonly RouteDeclaration[] } => {
    const atWork = [...features()];
    if (made === undefined || made.atWork.length !== atWork.length || atWork.some((feature, index) => feature !== made!.atWork[index])) {
      const routes = [...own, ...atWork.flatMap((feature) => feature.routes?.() ?? [])];
      made = { atWork, app: appOf(routes), declarations: routes.map(({ declaration }) => declaration) };
    }
    return made;
  };

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
      return await answer(served().app, request);
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
    routes: { get: () => served().declarations },
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

/** A path as hono spells it. */
function honoPath(path: string): string {
  return path.replace(/\{(\w+)(\+?)\}/g, (_, name, rest) => `:${name}${rest === "" ? "" : "{.+}"}`);
}
