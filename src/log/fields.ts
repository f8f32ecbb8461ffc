import { errorChain, type ErrorLink, messageOf } from "../core/values/errors.ts";
import type { LogRecord } from "../core/ports/log.ts";

/** Longest stack that a record carries, in characters. */
const MAX_STACK_LENGTH = 16_384;

/** An error as records carry it. */
export interface ErrorFields extends ErrorLink {
  /** Causes, nearest first. */
  chain: ErrorLink[];
  /** Where it was created, where the runtime knows. */
  stack?: string;
}

/** Names that every record has, and names that mean the same in every record and may be given with this type only. */
const HEAD = new Set(["time", "level", "msg", "logger"]);
const TYPED: Readonly<Record<string, readonly string[]>> = { service: ["string"], stream: ["string"], run: ["number", "string"] };

/**
 * The fields of a record as its line shows them: a field that clashes with a reserved name is called `name_`, and what stands under `err`
 * is {@linkcode ErrorFields}. Fields without a value are left out.
 */
export function fieldsOf(record: LogRecord): [name: string, value: unknown][] {
  const { fields } = record;
  return Object.keys(fields).flatMap((given) => {
    const value = valueOf(fields, given);
    if (value === undefined) return [];
    let name = given;
    if (HEAD.has(given) || (Object.hasOwn(TYPED, given) && !TYPED[given].includes(typeof value))) {
      do name += "_"; while (Object.hasOwn(fields, name));
    }
    return [[name, given === "err" ? errorFields(value) : value]];
  });
}

/** Anything that can be thrown, as records carry it. */
export function errorFields(thrown: unknown): ErrorFields {
  try {
    const [{ name, code, message }, ...chain] = errorChain(thrown);
    const stack = thrown instanceof Error ? String(thrown.stack).slice(0, MAX_STACK_LENGTH) : "";
    return { name, ...(code === undefined ? {} : { code }), message, chain, ...(/^\s+at /m.test(stack) ? { stack } : {}) };
  } catch {
    return { name: "Error", message: messageOf(thrown), chain: [] };
  }
}

/** The value as JSON, or undefined where JSON has none. Nothing that is logged makes it throw. */
export function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value, replace);
  } catch (error) {
    return JSON.stringify(`cannot be shown: ${messageOf(error)}`);
  }
}

function replace(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  return value instanceof Error ? errorFields(value) : value;
}

function valueOf(fields: LogRecord["fields"], name: string): unknown {
  try {
    return fields[name];
  } catch (error) {
    return `cannot be read: ${messageOf(error)}`;
  }
}
