import type { Clock } from "../core/ports/clock.ts";
import { messageOf } from "../core/values/errors.ts";
import { nearest } from "../core/values/names.ts";
import { isTooNestedJson, MAX_NESTING } from "../core/values/nesting.ts";
import { type Asked, plainPath, type RouteDeclaration } from "../core/wire/route.ts";
import type { Fields, Mismatch } from "../core/wire/shape.ts";
import { readBody } from "./body.ts";
import { badRequest } from "./problem.ts";

/** Limits of a body. */
export interface BodyLimits {
  /** Most bytes. */
  readonly maxBytes: number;
  /** Time. */
  readonly clock: Clock;
}

/**
 * Reads a request as its route is declared. A parameter that the route does not know is refused, as a misspelt `dryRun` would be a reload; a
 * route for clients of every version passes it over.
 *
 * @throws {DaemonError} with code `IPC_PROTOCOL` that names what is wrong.
 */
export async function readAsked(
  declaration: RouteDeclaration,
  { request, params }: { request: Request; params: Readonly<Record<string, string>> },
  limits: BodyLimits,
): Promise<Asked<Fields, Fields, Fields, unknown>> {
  const { searchParams } = new URL(request.url);
  const { query = {}, headers = {}, isForAll = false } = declaration;
  const unknown = isForAll ? undefined : [...searchParams.keys()].find((name) => !Object.hasOwn(query, name));
  if (unknown !== undefined) throw badRequest(`Cannot answer ${titleOf(declaration)} as ${unknownParameter(unknown, Object.keys(query))}`);
  return {
    params: readFields(declaration, declaration.params ?? {}, (name) => [params[name]]),
    query: readFields(declaration, query, (name) => searchParams.getAll(name)),
    headers: readFields(declaration, headers, (name) => [request.headers.get(name) ?? ""].filter((text) => text !== "")),
    body: declaration.body === undefined ? undefined : await readShape(declaration.body, request, limits),
    request,
  };
}

/** The name of a route in messages. */
export function titleOf({ method, path }: RouteDeclaration): string {
  return `${method} ${plainPath(path)}`;
}

function unknownParameter(name: string, known: readonly string[]): string {
  const near = nearest(name, known);
  const are = known.length === 0 ? "it has none" : `those are ${known.join(", ")}`;
  return `it has no parameter ${JSON.stringify(name)}: ${near === undefined ? are : `did you mean ${near}?`}`;
}

function readFields(declaration: RouteDeclaration, fields: Fields, textsOf: (name: string) => string[]): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [name, shape] of Object.entries(fields)) {
    const texts = textsOf(name);
    if (texts.length === 0 && shape.isOptional) continue;
    const value = shape.schema.type === "array" ? texts : shape.schema.type === "integer" ? numberOf(texts[0]) : texts[0];
    const mismatch = shape.find(value, name);
    if (mismatch !== undefined) throw badRequest(`Cannot answer ${titleOf(declaration)} as ${whatIsWrong(mismatch)}`);
    values[name] = value;
  }
  return values;
}

/** A number, or the text where it is none, which is then refused as it was written. */
function numberOf(text: string | undefined): unknown {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : text;
}

async function readShape(shape: NonNullable<RouteDeclaration["body"]>, request: Request, limits: BodyLimits): Promise<unknown> {
  const text = await readBody(request, limits);
  if (isTooNestedJson(text)) {
    throw badRequest(`Cannot read the body as it must have at most ${MAX_NESTING} lists and objects within one another`);
  }
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (cause) {
    throw badRequest(`Cannot read the body as it must be JSON: ${messageOf(cause)}`);
  }
  const mismatch = shape.find(body, "");
  if (mismatch !== undefined) throw badRequest(`Cannot read the body as ${whatIsWrong(mismatch)}`);
  return body;
}

function whatIsWrong({ at, must, value }: Mismatch): string {
  return `${at === "" ? "it" : JSON.stringify(at)} must be ${must}: current value is ${shown(value)}`;
}

/** A value for a message, not at any length that somebody sends. */
function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 100 ? `${text.slice(0, 99)}…` : text;
}
