import { STATES } from "../core/supervise/state.ts";

type Json = Record<string, unknown>;

const ref = (kind: "schemas" | "responses" | "parameters", name: string): Json => ({ $ref: `#/components/${kind}/${name}` });
const object = (properties: Record<string, Json>, optional: readonly string[] = []): Json => ({
  type: "object",
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
});
const text = (description: string): Json => ({ type: "string", description });
const whole = (description: string): Json => ({ type: "integer", description });
const flag = (description: string): Json => ({ type: "boolean", description });
const list = (items: Json, description?: string): Json => ({ type: "array", items, ...(description === undefined ? {} : { description }) });
const json = (schema: Json, description: string): Json => ({ description, content: { "application/json": { schema } } });
const query = (name: string, description: string, schema: Json = { type: "string" }): Json => ({ name, in: "query", description, schema });
const lastEventId = (what: string): Json => ({
  name: "Last-Event-ID",
  in: "header",
  description: `Number of the ${what} that was seen last`,
  schema: { type: "integer" },
});
const body = (schema: Json): Json => ({ required: true, content: { "application/json": { schema } } });

const NAME = {
  name: "name",
  in: "path",
  required: true,
  description: "Name of a unit, or of a service with instances",
  schema: { type: "string" },
};
const NAMES = { ...query("name", "Names, or patterns with * and ?", list({ type: "string" })), explode: true };
const TIMEOUT = query("timeout", 'How long to wait, such as "30s"; the change goes on after that');

/** Errors that every route of control can answer, beside its own. */
const REFUSALS = { "401": ref("responses", "Unauthorized"), "403": ref("responses", "Forbidden"), "503": ref("responses", "Busy") };
const WITH_PROTOCOL = { ...REFUSALS, "409": ref("responses", "Problem") };
const PROFILE = {
  "200": json({ type: "object" }, "The profile, as a stream"),
  "400": ref("responses", "Problem"),
  "500": ref("responses", "Problem"),
  ...WITH_PROTOCOL,
};
const OUTCOMES = {
  "200": json(ref("schemas", "Outcomes"), "What happened to each unit, once its state has changed"),
  "400": ref("responses", "Problem"),
  "404": ref("responses", "Problem"),
  "408": ref("responses", "Problem"),
  "413": ref("responses", "Problem"),
  ...WITH_PROTOCOL,
  "504": ref("responses", "Problem"),
};

function health(summary: string, parameters: readonly Json[] = []): Json {
  const content = {
    "text/plain": { schema: { type: "string" } },
    "application/json": { schema: ref("schemas", "Health") },
  };
  return {
    get: {
      tags: ["health"],
      summary,
      parameters: [query("verbose", "A line for each check", { type: "boolean" }), ...parameters],
      security: [],
      responses: {
        "200": { description: "Yes", content },
        "403": ref("responses", "Forbidden"),
        "503": { description: "No, and why", headers: { "Retry-After": { schema: { type: "integer" } } }, content },
      },
    },
  };
}

function control(summary: string, operation: Json): Json {
  return { tags: ["control"], summary, ...operation };
}

function stream(summary: string, item: string, parameters: readonly Json[]): Json {
  return control(summary, {
    parameters,
    responses: {
      "200": {
        description: "One item a line, or server-sent events with id = seq; who reads too slowly is told how many were dropped",
        content: { "application/x-ndjson": { schema: ref("schemas", item) }, "text/event-stream": { schema: ref("schemas", item) } },
      },
      "400": ref("responses", "Problem"),
      "404": ref("responses", "Problem"),
      ...WITH_PROTOCOL,
    },
  });
}

function command(verb: string): Record<string, Json> {
  const title = `${verb[0].toUpperCase()}${verb.slice(1)}`;
  return {
    [`/v1/units/${verb}`]: {
      post: control(`${title} units; answers when their state has changed`, {
        parameters: [TIMEOUT],
        requestBody: body(object({ names: list({ type: "string" }, "Names or patterns"), timeout: text("How long to wait") }, ["timeout"])),
        responses: OUTCOMES,
      }),
    },
    [`/v1/units/{name}/${verb}`]: {
      post: control(`${title} one unit; answers when its state has changed`, { parameters: [NAME, TIMEOUT], responses: OUTCOMES }),
    },
  };
}

/** Every path with its operations. */
function paths(): Record<string, Json> {
  const exclude = query("exclude", "Names that are left out, several by comma or by repeating");
  const signal = text("Name or number of a signal, such as HUP");
  return {
    "/livez": health("Whether the daemon answers: 200 until it exits"),
    "/readyz": health("Whether everything that should be is ready", [exclude]),
    "/healthz": health("The same as /readyz", [exclude]),
    "/readyz/{name}": {
      get: { ...(health("Whether one unit is ready", [NAME]).get as Json), responses: readyOfOne() },
    },
    "/startupz": health("Whether every unit has started once: 200 for ever after that", [exclude]),
    "/metrics": {
      get: {
        tags: ["metrics"],
        summary: "Series for Prometheus",
        security: [],
        responses: {
          "200": {
            description: "Prometheus's text format, or OpenMetrics for who accepts it",
            content: {
              "text/plain": { schema: { type: "string" } },
              "application/openmetrics-text": { schema: { type: "string" } },
            },
          },
          "403": ref("responses", "Forbidden"),
          "404": ref("responses", "Problem"),
        },
      },
    },
    "/v1/status": {
      get: control("The daemon and its units; never changes", {
        parameters: [NAMES],
        responses: { "200": json(ref("schemas", "Status"), "What is known"), "404": ref("responses", "Problem"), ...REFUSALS },
      }),
    },
    "/v1/stop": {
      post: control("Begins to stop the daemon and answers at once; never changes", {
        responses: {
          "202": json(
            object({ v: whole("1"), state: text("stopping"), pid: whole("Process of the daemon"), protocol: whole("Version") }),
            "It stops",
          ),
          ...REFUSALS,
        },
      }),
    },
    "/v1/openapi.json": {
      get: control("This document", { responses: { "200": json({ type: "object" }, "OpenAPI 3.1"), ...WITH_PROTOCOL } }),
    },
    ...command("start"),
    ...command("stop"),
    ...command("restart"),
    "/v1/units/signal": {
      post: control("Sends a signal to the process groups of services", {
        requestBody: body(object({ names: list({ type: "string" }, "Names or patterns"), signal })),
        responses: OUTCOMES,
      }),
    },
    "/v1/units/{name}/signal": {
      post: control("Sends a signal to the process group of one service", {
        parameters: [NAME],
        requestBody: body(object({ signal })),
        responses: OUTCOMES,
      }),
    },
    "/v1/reload": {
      post: control("Reads the configuration file again and applies what differs; answers when what it touches has changed", {
        parameters: [query("dryRun", "1 only says what would change", { enum: ["0", "1"] }), TIMEOUT],
        responses: { ...OUTCOMES, "200": json(ref("schemas", "Reload"), "What differs, and what became of it") },
      }),
    },
    "/v1/profile/cpu": {
      post: control("Records where the daemon's own time goes, and answers with a .cpuprofile", {
        parameters: [query("seconds", "How long to record: 10 unless it says so, 300 at most", { type: "number" })],
        responses: PROFILE,
      }),
    },
    "/v1/profile/heap": {
      post: control("Answers with a .heapsnapshot of the daemon's memory", { responses: PROFILE }),
    },
    "/v1/wait": {
      get: control("Waits until all units are where they should be at one moment", {
        parameters: [NAMES, query("for", "What to wait for", { enum: ["ready", "started", "stopped"] }), TIMEOUT],
        responses: OUTCOMES,
      }),
    },
    "/v1/logs": {
      get: stream("Lines that services printed; the header daemonkit-kept-from says when older ones are gone from memory", "Line", [
        NAMES,
        query("n", "How many of the newest", { type: "integer" }),
        query("since", 'None older than this, such as "10m"'),
        query("contains", "Only lines with this text; expressions are for the client"),
        query("follow", "1 goes on with new ones", { enum: ["1"] }),
        lastEventId("line"),
      ]),
    },
    "/v1/events": {
      get: stream("What happened", "Event", [
        query("n", "How many of the newest", { type: "integer" }),
        query("follow", "0 ends after those that are there", { enum: ["0", "1"] }),
        lastEventId("event"),
      ]),
    },
  };
}

function readyOfOne(): Json {
  return { ...((health("").get as Json).responses as Json), "404": ref("responses", "Problem") };
}

function schemas(): Record<string, Json> {
  const nullable = (type: string, description: string): Json => ({ type: [type, "null"], description });
  const state = { $ref: "#/components/schemas/State" };
  const outcome = object({
    name: text("Path of the unit"),
    state,
    outcome: text("What happened"),
    ok: flag("Whether the unit is where the command wanted it"),
    reason: text("Why, where it is not"),
    note: text("What else there is to know of it, such as that it will not be remembered"),
  }, ["note"]);
  return {
    State: { enum: [...STATES] },
    Unit: object({
      name: text("Its path"),
      kind: text("service, task, subsystem or supervisor"),
      state,
      ready: nullable("boolean", "Whether it is ready; null where readiness does not apply"),
      desired: { enum: ["up", "down"] },
      reason: text("Why it is in this state"),
      run: whole("Number of the current or last run"),
      restarts: whole("Restarts over the daemon's life"),
      startedAt: nullable("string", "When the current run began"),
      details: { type: "object", description: "Facts of its kind" },
    }),
    Status: object({
      v: whole("1"),
      name: text("Name from the configuration"),
      id: text("Name and a hash of the configuration file's path"),
      version: text("Version of daemonkit"),
      runtime: text("Runtime and its version"),
      pid: whole("Process of the daemon"),
      config: nullable("string", "Configuration file"),
      configVersion: whole("Number of the configuration in force"),
      state: { enum: ["starting", "running", "stopping"] },
      ready: flag("Whether everything that should be is ready"),
      startedAt: text("When it started"),
      uptimeMs: whole("Milliseconds since then"),
      residentBytes: whole("Resident memory"),
      notices: list(text("What an operator has to know now"), "What is waited for before the units start, or that the file can't be used"),
      units: list(ref("schemas", "Unit")),
      protocol: whole("Version of the protocol that it speaks"),
    }),
    Outcomes: object({ v: whole("1"), ok: flag("Whether all are where the command wanted them"), units: list(outcome) }),
    Reload: object({
      v: whole("1"),
      ok: flag("Whether everything is as the new configuration wants it"),
      dryRun: flag("Whether nothing was applied on purpose"),
      version: whole("Number of the configuration in force"),
      changes: list(object({
        kind: { enum: ["added", "removed", "changed"] },
        name: text("A setting such as logging.level, or a table such as service.api"),
        keys: list({ type: "string" }, "Keys of the table that differ"),
        effect: { enum: ["start", "stop", "restart", "scale", "live", "daemon"] },
        from: text("Value of a setting before"),
        to: text("Its value now"),
      }, ["from", "to"])),
      unchanged: whole("Services that stay as they are"),
      units: list(outcome),
    }),
    Health: object({
      v: whole("1"),
      ok: flag("Whether every check holds"),
      missing: list(object({ name: text("Check"), reason: text("Why not") })),
      checks: list(object({ name: text("Check"), ok: flag("Whether it holds"), reason: text("Why") })),
    }, ["checks"]),
    Line: object({
      seq: whole("Rising number over all units"),
      time: text("When the daemon read it"),
      name: text("Path of the unit"),
      stream: { enum: ["stdout", "stderr"] },
      text: text("Without its line end"),
    }),
    Event: object({ v: whole("1"), seq: whole("Rising number"), time: text("When it happened"), type: text("What kind it is") }),
    Problem: object({
      type: text("about:blank"),
      title: text("Name of the status"),
      status: whole("HTTP status"),
      detail: text("What happened, with what value"),
      code: text("Stable code"),
      hint: text("What to do"),
      issues: list({ type: "object" }, "Every mistake, where there may be several"),
    }, ["hint", "issues"]),
  };
}

function failure(description: string, headers?: Json): Json {
  return {
    description,
    ...(headers === undefined ? {} : { headers }),
    content: { "application/problem+json": { schema: ref("schemas", "Problem") } },
  };
}

/** The OpenAPI 3.1 document of everything that a listener answers. */
export function openApiDocument(version: string): Json {
  const header = (type: string): Json => ({ schema: { type } });
  return {
    openapi: "3.1.0",
    info: {
      title: "daemonkit",
      version,
      description:
        "Every answer carries the headers daemonkit-protocol and daemonkit-version. A listener answers only what its `allow` says.",
    },
    paths: paths(),
    security: [{}, { token: [] }],
    tags: [{ name: "health" }, { name: "metrics" }, { name: "control" }],
    components: {
      securitySchemes: {
        token: { type: "http", scheme: "bearer", description: "The text of the listener's token_file, where it has one" },
      },
      responses: {
        Problem: failure("What went wrong (RFC 9457)"),
        Unauthorized: failure("The token is missing or wrong", { "WWW-Authenticate": header("string") }),
        Forbidden: failure("Host or Origin is not of this listener"),
        Busy: failure("Too many clients at once", { "Retry-After": header("integer") }),
      },
      schemas: schemas(),
    },
  };
}
