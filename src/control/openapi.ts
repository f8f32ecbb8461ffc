import { ERROR_CODES, type ErrorCode } from "../core/values/error_codes.ts";
import { type AnswerDeclaration, plainPath, type RouteDeclaration } from "../core/wire/route.ts";
import type { Fields, Shape, ShapeSchema } from "../core/wire/shape.ts";
import { PROBLEM } from "./problem.ts";

type Json = Record<string, unknown>;

/** Codes of every problem that a route may answer, by status: its own, and those that follow from its declaration. */
export function problemsOf({ access, body, query, headers, problems = {}, isForAll }: RouteDeclaration): Map<number, Set<ErrorCode>> {
  const all = new Map<number, Set<ErrorCode>>();
  const add = (status: number, codes: readonly ErrorCode[]) => all.set(status, new Set([...all.get(status) ?? [], ...codes]));
  if (body !== undefined || query !== undefined || headers !== undefined || !isForAll) add(400, ["IPC_PROTOCOL"]);
  if (access === "control") add(401, ["IPC_DENIED"]);
  add(403, ["IPC_DENIED"]);
  add(404, ["IPC_PROTOCOL"]);
  if (body !== undefined) add(408, ["TIMEOUT"]);
  if (!isForAll) add(409, ["IPC_PROTOCOL"]);
  add(413, ["IPC_PROTOCOL"]);
  if (access !== "health") add(503, ["IPC_BUSY"]);
  for (const [status, codes] of Object.entries(problems)) add(Number(status), codes);
  return new Map([...all].sort(([a], [b]) => a - b));
}

/** The OpenAPI 3.1 document of routes. */
export function openApiDocument(version: string, routes: readonly RouteDeclaration[]): Json {
  const paths: Record<string, Json> = {};
  for (const route of routes) (paths[plainPath(route.path)] ??= {})[route.method.toLowerCase()] = operationOf(route);
  const shapes = routes.flatMap((
    { body, answers },
  ) => [...(body === undefined ? [] : [body]), ...answers.flatMap(({ content }) => Object.values(content))]);
  return {
    openapi: "3.1.0",
    info: {
      title: "daemonkit",
      version,
      description:
        "Every answer carries the headers daemonkit-protocol and daemonkit-version. A listener answers only what its `allow` says. An " +
        "answer may have more fields, and a stream more types of events, than a client knows.",
    },
    paths,
    security: [{}, { token: [] }],
    tags: [...new Set(routes.map(({ group }) => group))].map((name) => ({ name })),
    components: {
      securitySchemes: {
        token: { type: "http", scheme: "bearer", description: "The text of the listener's token_file, where it has one." },
      },
      schemas: Object.assign({}, PROBLEM.named, ...shapes.map(({ named }) => named)),
    },
  };
}

function operationOf(route: RouteDeclaration): Json {
  const { group, access, summary, params = {}, query = {}, headers = {}, body, answers, example } = route;
  const parameters = [...parametersIn("path", params), ...parametersIn("query", query), ...parametersIn("header", headers)];
  const responses: Record<string, Json> = {};
  for (const answer of answers) responses[answer.status] = answerOf(answer, answer === answers[0] ? example.answer : undefined);
  for (const [status, codes] of problemsOf(route)) {
    // Health says no with the status by which others say that they are busy.
    responses[status] ??= refusalWith([...codes], status);
  }
  return {
    tags: [group],
    summary,
    ...(access === "control" ? {} : { security: [] }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: { "application/json": { schema: body.schema, example: example.body } } } }),
    responses,
  };
}

function parametersIn(place: "path" | "query" | "header", fields: Fields): Json[] {
  return Object.entries(fields).map(([name, { schema: { description, ...schema }, isOptional = false }]) => ({
    name: place === "header" ? name.replace(/(^|-)(?:id|\w)/g, (part) => part === "-id" ? "-ID" : part.toUpperCase()) : name,
    in: place,
    ...(isOptional ? {} : { required: true }),
    ...(description === undefined ? {} : { description }),
    schema,
  }));
}

function answerOf({ about, content, headers = {} }: AnswerDeclaration<unknown>, example: unknown): Json {
  const mediaOf = (type: string, { schema }: Shape<unknown>): { schema: ShapeSchema; example?: unknown } => {
    const isShown = example !== undefined && (typeof example === "string") === (type === "text/plain");
    return { schema, ...(isShown && type !== "text/event-stream" ? { example } : {}) };
  };
  return {
    description: about,
    ...(Object.keys(headers).length === 0 ? {} : { headers: headersOf(headers) }),
    content: Object.fromEntries(Object.entries(content).map(([type, shape]) => [type, mediaOf(type, shape)])),
  };
}

function refusalWith(codes: readonly ErrorCode[], status: number): Json {
  const headers: Record<string, string> = status === 401
    ? { "www-authenticate": "How to say who asks." }
    : status === 503
    ? { "retry-after": "Seconds after which to ask again." }
    : {};
  return {
    description: codes.map((code) => `${code}: ${ERROR_CODES[code].remedy}`).join(" "),
    ...(Object.keys(headers).length === 0 ? {} : { headers: headersOf(headers) }),
    content: { "application/problem+json": { schema: PROBLEM.schema } },
  };
}

function headersOf(headers: Readonly<Record<string, string>>): Json {
  return Object.fromEntries(Object.entries(headers).map(([name, description]) => [name, { description, schema: { type: "string" } }]));
}
