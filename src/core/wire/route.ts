import type { ErrorCode } from "../values/error_codes.ts";
import type { Fields, ObjectOf, Shape } from "./shape.ts";

/** The right to ask, by the word in `allow` of a listener. */
export type RouteAccess = "health" | "metrics" | "control";

/** An answer of a route that is no problem. */
export interface AnswerDeclaration<T> {
  /** HTTP status. */
  readonly status: number;
  /** Its meaning, in a sentence. */
  readonly about: string;
  /** Its shape, by media type; that of an item where it is a stream. */
  readonly content: Readonly<Record<string, Shape<T>>>;
  /** Headers that are its own, each with what it says. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request and its answer, as documentation shows them. */
export interface RouteExample<B> {
  /** Path with its query. */
  readonly path: string;
  /** Body of the request. */
  readonly body?: B;
  /** The answer, or the first item of a stream; a text where it is no JSON. */
  readonly answer: unknown;
}

/** A route, said once: what serves it, checks its requests, documents it and asks for it is made of this. */
export interface RouteDeclaration<
  P extends Fields = Fields,
  Q extends Fields = Fields,
  H extends Fields = Fields,
  B = unknown,
  A = unknown,
> {
  /** Method. */
  readonly method: "GET" | "POST";
  /** Path, with `{name}` for a parameter and `{name+}` for one that may have slashes. */
  readonly path: string;
  /** The part of the program that it belongs to, under which documentation shows it. */
  readonly group: string;
  /** The right that a client needs. */
  readonly access: RouteAccess;
  /** Its purpose, in a sentence. */
  readonly summary: string;
  /** Parameters in the path. */
  readonly params?: P;
  /** Parameters after the `?`; a list may be given several times. */
  readonly query?: Q;
  /** Headers that change the answer. */
  readonly headers?: H;
  /** Body of the request. */
  readonly body?: Shape<B>;
  /** Answers that are no problem; the first one is what the route is for. */
  readonly answers: readonly [AnswerDeclaration<A>, ...AnswerDeclaration<unknown>[]];
  /** Codes of its own problems, by status; those that follow from what is said above need not be there. */
  readonly problems?: Readonly<Record<number, readonly ErrorCode[]>>;
  /** Shows it. */
  readonly example: RouteExample<B>;
  /** Whether clients of every version of the protocol may ask, and say more than this daemon knows. @default {false} */
  readonly isForAll?: boolean;
}

/** A request that has been checked against its declaration. */
export interface Asked<P extends Fields, Q extends Fields, H extends Fields, B> {
  /** Parameters in the path. */
  readonly params: ObjectOf<P>;
  /** Parameters after the `?`. */
  readonly query: ObjectOf<Q>;
  /** Headers. */
  readonly headers: ObjectOf<H>;
  /** Body. */
  readonly body: B;
  /** The request itself. */
  readonly request: Request;
}

/** Answers a request: with a value of the first answer's shape, or with a whole response. */
export type Answer<R> = R extends RouteDeclaration<infer P, infer Q, infer H, infer B, infer A>
  ? (asked: Asked<P, Q, H, B>) => A | Response | Promise<A | Response>
  : never;

/** A route with what answers it. */
export interface ServedRoute {
  /** Its declaration. */
  readonly declaration: RouteDeclaration;
  /** Answers it; what it throws is told as a problem. */
  readonly answer: (asked: Asked<Fields, Fields, Fields, unknown>) => unknown;
}

type None = Readonly<Record<never, never>>;

/** Declares a route. */
export function route<P extends Fields = None, Q extends Fields = None, H extends Fields = None, B = undefined, A = unknown>(
  declaration: RouteDeclaration<P, Q, H, B, A>,
): RouteDeclaration<P, Q, H, B, A> {
  return declaration;
}

/** Puts a declaration and its answer together. */
export function serve<P extends Fields, Q extends Fields, H extends Fields, B, A>(
  declaration: RouteDeclaration<P, Q, H, B, A>,
  answer: Answer<RouteDeclaration<P, Q, H, B, A>>,
): ServedRoute {
  // The server hands over nothing that the declaration has not let through.
  return { declaration, answer: answer as ServedRoute["answer"] };
}

/** Puts declarations and their answers together, none of which may be missing. */
export function serveAll<R extends Readonly<Record<string, RouteDeclaration>>>(
  routes: R,
  answers: { [K in keyof R]: Answer<R[K]> },
): ServedRoute[] {
  return Object.keys(routes).map((key) => serve(routes[key], answers[key] as Answer<RouteDeclaration>));
}

/** The answer of a route that says something as JSON. */
export function json<T>(content: Shape<T>, about: string, status = 200): AnswerDeclaration<T> {
  return { status, about, content: { "application/json": content } };
}

/** The shape of the JSON that a route answers, or of each item where it streams. */
export function answerShape<P extends Fields, Q extends Fields, H extends Fields, B, A>(
  { answers: [{ content }] }: RouteDeclaration<P, Q, H, B, A>,
): Shape<A> {
  return content["application/json"] ?? content["application/x-ndjson"];
}

/** The path by which a route is asked, with what is wanted in its query; undefined wishes are left out. */
export function askingPath<P extends Fields, Q extends Fields, H extends Fields, B, A>(
  { path }: RouteDeclaration<P, Q, H, B, A>,
  query: { readonly [K in keyof ObjectOf<Q>]?: ObjectOf<Q>[K] | undefined },
): string {
  const wishes = Object.entries(query).flatMap(([name, value]) => (Array.isArray(value) ? value : [value]).map((each) => [name, each]));
  const parts = wishes.filter(([, value]) => value !== undefined).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return parts.length === 0 ? path : `${path}?${parts.join("&")}`;
}

/** The path as OpenAPI spells it. */
export function plainPath(path: string): string {
  return path.replaceAll("+}", "}");
}
