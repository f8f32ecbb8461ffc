import type { LogLine } from "../core/wire/line_block.ts";
import type { ReloadAnswer } from "../core/supervise/operations.ts";
import type { OutcomesAnswer, ProblemDetails, StatusAnswer } from "../control/mod.ts";
import type { DaemonEvent } from "../core/supervise/event.ts";
import { isTooNestedJson } from "../core/values/nesting.ts";
import { STATES } from "../core/supervise/state.ts";

/** Says where a value is not what it must be, or undefined where it is. */
type Check = (value: unknown, at: string) => string | undefined;

/** Expected shape of an answer; the process that listens on a socket may be no daemon. */
export interface Shape<T> {
  /** Says where a value has another shape; undefined where it has this one. */
  check: Check;
  /** Never there: it carries the type. */
  readonly type?: T;
}

/** An answer that no daemon of ours gives. */
export class AnswerRefused extends Error {}

/**
 * Reads JSON of a certain shape. Further fields stay, as a newer daemon may say more.
 *
 * @throws {AnswerRefused} if it is something else; the message goes on after "as".
 */
export function parseAnswer<T>(text: string, { check }: Shape<T>): T {
  let value: unknown;
  try {
    if (isTooNestedJson(text)) throw new SyntaxError("too deep");
    value = JSON.parse(text);
  } catch {
    throw new AnswerRefused("it must be JSON that a daemon writes");
  }
  const problem = check(value, "");
  if (problem !== undefined) throw new AnswerRefused(problem);
  return value as T;
}

function must(isIt: (value: unknown) => boolean, what: string): Check {
  return (value, at) => isIt(value) ? undefined : `${at || "it"} must be ${what}`;
}

const text = must((value) => typeof value === "string", "a text");
const number = must((value) => typeof value === "number", "a number");
const bool = must((value) => typeof value === "boolean", "true or false");
const time = must((value) => typeof value === "string" && !Number.isNaN(Date.parse(value)), "a time");

function one(values: readonly unknown[]): Check {
  return must((value) => values.includes(value), `one of ${values.join(", ")}`);
}

function orNull(check: Check): Check {
  return (value, at) => value === null ? undefined : check(value, at);
}

function maybe(check: Check): Check {
  return (value, at) => value === undefined ? undefined : check(value, at);
}

function list(check: Check): Check {
  return (value, at) => {
    if (!Array.isArray(value)) return `${at || "it"} must be a list`;
    for (const [index, each] of value.entries()) {
      const problem = check(each, `${at}[${index}]`);
      if (problem !== undefined) return problem;
    }
    return undefined;
  };
}

function object(checks: Readonly<Record<string, Check>>): Check {
  const keys = Object.entries(checks);
  return (value, at) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return `${at || "it"} must be an object`;
    for (const [key, check] of keys) {
      const own = Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined;
      const problem = check(own, at === "" ? key : `${at}.${key}`);
      if (problem !== undefined) return problem;
    }
    return undefined;
  };
}

/** An item of a stream, or in its place how many were dropped as the reader was too slow. */
function orDropped(check: Check): Check {
  const dropped = object({ dropped: number });
  return (value, at) => dropped(value, at) === undefined ? undefined : check(value, at);
}

const state = one(STATES);
const outcomes = list(object({ name: text, state, outcome: text, ok: bool, reason: text, note: maybe(text) }));

/** Answer of `/v1/status`, of whatever version. */
export const STATUS: Shape<StatusAnswer> = {
  check: object({
    name: text,
    id: text,
    version: text,
    pid: number,
    protocol: number,
    config: orNull(text),
    state: one(["starting", "running", "stopping"]),
    ready: bool,
    uptimeMs: number,
    residentBytes: number,
    notices: maybe(list(text)),
    units: list(object({
      name: text,
      state,
      ready: orNull(bool),
      desired: one(["up", "down"]),
      reason: text,
      restarts: number,
      startedAt: orNull(time),
      details: object({}),
    })),
  }),
};

/** Answer of commands on units. */
export const OUTCOMES: Shape<OutcomesAnswer> = { check: object({ ok: bool, units: outcomes }) };

/** Answer of a reload. */
export const RELOAD: Shape<ReloadAnswer> = {
  check: object({
    ok: bool,
    dryRun: bool,
    version: number,
    unchanged: number,
    units: outcomes,
    changes: list(object({
      kind: one(["added", "removed", "changed"]),
      name: text,
      keys: list(text),
      effect: one(["start", "stop", "restart", "scale", "live", "daemon"]),
      from: maybe(text),
      to: maybe(text),
    })),
  }),
};

/** A failure, as the daemon tells it. */
export const PROBLEM: Shape<ProblemDetails> = {
  check: object({
    status: number,
    detail: text,
    code: text,
    hint: maybe(text),
    issues: maybe(list(object({ path: text, message: text, source: text, hint: maybe(text) }))),
  }),
};

/** How many lines or events a reader has lost by being slow. */
export interface Dropped {
  /** Their number. */
  dropped: number;
}

/** A line of a unit. */
export const LINE: Shape<LogLine | Dropped> = {
  check: orDropped(object({ seq: number, time, name: text, stream: one(["stdout", "stderr"]), text })),
};

const EVENTS: Readonly<Record<string, Check>> = {
  "unit.state": object({ name: text, from: state, to: state, reason: text }),
  "unit.ready": object({ name: text, ready: bool }),
  "config.reload": object({ version: number, outcome: one(["applied", "unchanged", "refused"]), changed: list(text), reason: text }),
};
const daemonEvent = object({ reason: text, killed: maybe(list(text)), survivors: maybe(list(object({ path: text, pids: list(number) }))) });
const eventHead = object({ seq: number, time, type: text });

/** An event. */
export const EVENT: Shape<DaemonEvent | Dropped> = {
  check: orDropped((value, at) => {
    const problem = eventHead(value, at);
    if (problem !== undefined) return problem;
    const { type } = value as { type: string };
    if (Object.hasOwn(EVENTS, type)) return EVENTS[type](value, at);
    return type.startsWith("daemon.") ? daemonEvent(value, at) : "type must be that of an event";
  }),
};
