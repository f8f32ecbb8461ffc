import { RELOAD_ANSWER, STATUS_FIELDS, V1 } from "../../core/supervise/answer_shapes.ts";
import { json, route } from "../../core/wire/route.ts";
import { type Infer, shape } from "../../core/wire/shape.ts";
import { NAMES, TIMEOUT } from "./parts.ts";

const { anything, integer, map, named, object, oneOf, optional } = shape;

const PROTOCOL = integer("Version of the protocol that the daemon speaks.");

/** The shape of what `/v1/status` answers. */
export const STATUS = named("Status", object({ ...STATUS_FIELDS, protocol: PROTOCOL }, "The daemon and its units."));

/** Answer of `/v1/status`. */
export type StatusAnswer = Infer<typeof STATUS>;

const STOPPING = named(
  "Stopping",
  object(
    { v: V1, state: oneOf(["stopping"], "The daemon stops."), pid: integer("Its process."), protocol: PROTOCOL },
    "The stop has begun.",
  ),
);

const UNIT = {
  name: "api",
  kind: "service",
  state: "running",
  ready: true,
  desired: "up",
  reason: "ready",
  run: 1,
  restarts: 0,
  startedAt: "2026-01-01T12:00:00.250Z",
  details: { pid: 4_712 },
};

/** Routes about the daemon as a whole. */
export const DAEMON_ROUTES = {
  status: route({
    method: "GET",
    path: "/v1/status",
    group: "daemon",
    access: "control",
    summary: "Tells how the daemon and its units are; never changes.",
    query: { name: NAMES },
    answers: [json(STATUS, "The daemon, with all units or those that were named.")],
    problems: { 404: ["SUBSYSTEM_UNKNOWN"] },
    isForAll: true,
    example: {
      path: "/v1/status?name=api",
      answer: {
        v: 1,
        name: "shop",
        id: "shop-1b2c3d4e",
        version: "0.1.0",
        runtime: "bun 1.4.5",
        pid: 4_711,
        config: "/etc/shop/daemon.toml",
        configVersion: 1,
        state: "running",
        ready: true,
        startedAt: "2026-01-01T12:00:00.000Z",
        uptimeMs: 60_000,
        residentBytes: 48_000_000,
        notices: [],
        units: [UNIT],
        protocol: 1,
      },
    },
  }),
  stop: route({
    method: "POST",
    path: "/v1/stop",
    group: "daemon",
    access: "control",
    summary: "Begins to stop the daemon and answers at once; never changes.",
    answers: [json(STOPPING, "It stops.", 202)],
    isForAll: true,
    example: { path: "/v1/stop", answer: { v: 1, state: "stopping", pid: 4_711, protocol: 1 } },
  }),
  reload: route({
    method: "POST",
    path: "/v1/reload",
    group: "daemon",
    access: "control",
    summary: "Reads the configuration file again and applies what differs; answers when what it touches has changed.",
    // Any other spelling is refused, as its author probably wants nothing to change.
    query: { dryRun: optional(oneOf(["0", "1"], "1 only says what would change.")), timeout: TIMEOUT },
    answers: [json(RELOAD_ANSWER, "What differs, and what became of it.")],
    problems: {
      409: ["RUNTIME_STATE", "SHUTDOWN_IN_PROGRESS"],
      422: ["CONFIG_INVALID", "CONFIG_SYNTAX", "CONFIG_NOT_FOUND", "CONFIG_UNREADABLE", "CONFIG_NOT_YET"],
      500: ["IO_FAILED"],
      504: ["TIMEOUT"],
    },
    example: {
      path: "/v1/reload?dryRun=1",
      answer: {
        v: 1,
        ok: true,
        dryRun: true,
        version: 1,
        changes: [{ kind: "changed", name: "service.api", keys: ["env.LOG"], effect: "restart" }],
        unchanged: 3,
        units: [],
      },
    },
  }),
  openapi: route({
    method: "GET",
    path: "/v1/openapi.json",
    group: "daemon",
    access: "control",
    summary: "Describes every route that the daemon answers.",
    answers: [json(map(anything()), "An OpenAPI 3.1 document.")],
    example: { path: "/v1/openapi.json", answer: { openapi: "3.1.0" } },
  }),
};
