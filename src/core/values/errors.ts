import { didYouMean, nearest } from "./names.ts";
import { ERROR_CODES, type ErrorCategory, type ErrorCode, type ErrorSeverity } from "./error_codes.ts";

/** Facts that help an operator act, as plain data: a path, a pid, a value that was refused. */
export type ErrorContext = Readonly<Record<string, unknown>>;

/** Options of {@linkcode DaemonError} and its subclasses. */
export interface DaemonErrorOptions {
  /** Cause of this failure, of any type. */
  cause?: unknown;
  /** Facts beside the message. */
  context?: ErrorContext;
}

/** A link of {@linkcode DaemonError.chain} as plain data. */
export interface ErrorLink {
  /** Class name, `Error` for foreign values without one. */
  name: string;
  /** Stable code, where the link carries one. */
  code?: string;
  /** Message, at most 8 KiB of it. */
  message: string;
}

/** A {@linkcode DaemonError} as plain data, for logs and answers. */
export interface ErrorJson extends ErrorLink {
  /** The code's number. */
  number: number;
  /** The part of the daemon that failed. */
  category: ErrorCategory;
  /** How bad it is. */
  severity: ErrorSeverity;
  /** Whether the same call may succeed later. */
  retryable: boolean;
  /** Facts beside the message. */
  context?: ErrorContext;
  /** The causes, nearest first. */
  chain: ErrorLink[];
}

const MAX_MESSAGE_LENGTH = 8_192;
const MAX_CHAIN_LENGTH = 16;

/**
 * An expected failure: a stable code, a message for the operator, and the chain of what caused it.
 *
 * - It is lean: the Error constructor is not called, so creating one takes nanoseconds and captures no stack.
 * - `instanceof Error` holds; `Error.isError` is false. {@linkcode DaemonError.toError} gives a native error where one is needed.
 * - `stack` shows the native stack of the cause; {@linkcode DaemonError.captureStack} adds its own.
 *
 * @example Wrap a cause and branch on the code
 * ```ts
 * import { DaemonError } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 *
 * const error = DaemonError.wrap(new TypeError("port is NaN"), "CONFIG_INVALID", "Cannot listen as the port is no number");
 * assert.ok(error instanceof Error);
 * assert.equal(error.category, "config");
 * assert.deepEqual(error.chain().map((link) => link.name), ["DaemonError", "TypeError"]);
 * ```
 */
export class DaemonError implements Error {
  // Declared only: a defined field would be written twice, which doubles the cost of a chain on Deno.
  /** Stable name of the failure. */
  declare readonly code: ErrorCode;
  /** The fault, with the value, and how to mend it. */
  declare readonly message: string;
  /** Cause of the error, undefined when there is none. */
  declare readonly cause: unknown;
  /** Facts beside the message. */
  declare readonly context: ErrorContext | undefined;

  /** Creates an error without touching the stack. */
  constructor(code: ErrorCode, message: string, options?: DaemonErrorOptions) {
    this.code = code;
    this.message = message;
    this.cause = options === undefined ? undefined : options.cause;
    this.context = options === undefined ? undefined : options.context;
  }

  /** Creates an error around the value that caused it. */
  static wrap(cause: unknown, code: ErrorCode, message: string, context?: ErrorContext): DaemonError {
    return new DaemonError(code, message, { cause, context });
  }

  /** The class name. */
  get name(): string {
    return this.constructor.name;
  }

  /** The code's number, shared with the Rust crate where the failure is the same. */
  get number(): number {
    return ERROR_CODES[this.code].number;
  }

  /** The part of the daemon that failed. */
  get category(): ErrorCategory {
    return ERROR_CODES[this.code].category;
  }

  /** How bad it is. */
  get severity(): ErrorSeverity {
    return ERROR_CODES[this.code].severity;
  }

  /** Whether the same call may succeed when it is made again. */
  get retryable(): boolean {
    return ERROR_CODES[this.code].retryable;
  }

  /** Name and message, then each cause, with the native stack of the innermost cause that has one. */
  get stack(): string {
    let text = `${this.name}: ${this.message}`;
    for (const link of causesOf(this)) {
      text += `\nCaused by: ${nativeStackOf(link) || titleOf(link)}`;
    }
    return text;
  }

  /** Attaches a native stack of the place of this call, and returns the error itself. */
  captureStack(): this {
    const holder: { stack?: string } = {};
    const { captureStackTrace } = Error as { captureStackTrace?: (target: object, above?: unknown) => void };
    captureStackTrace?.(holder, this.captureStack);
    const frames = (holder.stack ?? "").split("\n").slice(1).join("\n");
    const causes = this.stack.slice(`${this.name}: ${this.message}`.length);
    Object.defineProperty(this, "stack", { value: `${this.name}: ${this.message}\n${frames}${causes}`, configurable: true });
    return this;
  }

  /** The error and its causes, nearest first, as plain data; a circle is cut, and at most 16 links are followed. */
  chain(): ErrorLink[] {
    return errorChain(this);
  }

  /** The error as plain data. */
  toJSON(): ErrorJson {
    const { name, code, message } = linkOf(this);
    return {
      name,
      code,
      number: this.number,
      category: this.category,
      severity: this.severity,
      retryable: this.retryable,
      message,
      ...(this.context === undefined ? {} : { context: this.context }),
      chain: causesOf(this).map(linkOf),
    };
  }

  /** A native Error with the same name, message, cause and code, for code that asks `Error.isError`. */
  toError(): Error {
    const error = new Error(this.message, this.cause === undefined ? undefined : { cause: this.cause });
    Object.defineProperty(error, "name", { value: this.name, configurable: true });
    return Object.assign(error, { code: this.code });
  }

  /** Class name and message. */
  toString(): string {
    return `${this.name}: ${this.message}`;
  }
}

// Lean errors: `instanceof Error` holds although the Error constructor never runs.
Object.setPrototypeOf(DaemonError.prototype, Error.prototype);
for (const hook of ["nodejs.util.inspect.custom", "Deno.customInspect"]) {
  Object.defineProperty(DaemonError.prototype, Symbol.for(hook), {
    value: function (this: DaemonError): string {
      const context = this.context === undefined ? "" : ` ${messageOf(this.context)}`;
      return `${this.stack} [${this.code}]${context}`;
    },
  });
}

/** One mistake in a configuration: where it stands, what was expected, what to do. */
export interface ConfigIssue {
  /** File and position as `file:line:column`, or the source's name such as `environment DAEMON_NAME`. */
  source: string;
  /** Path of the key, such as `service.api.port`; empty for the whole document. */
  path: string;
  /** The expected and the found value; never shows a secret. */
  message: string;
  /** Advice: how to mend it. */
  hint?: string;
  /** `CONFIG_NOT_YET` for a key whose feature has not landed, else `CONFIG_INVALID`. */
  code?: ErrorCode;
}

/** A configuration that can't be used; `issues` lists every mistake found, not only the first. */
export class ConfigError extends DaemonError {
  /** Every mistake found. */
  readonly issues: readonly ConfigIssue[];

  /** Creates the error; its message holds one line for each issue. */
  constructor(code: ErrorCode, message: string, options: DaemonErrorOptions & { issues?: readonly ConfigIssue[] } = {}) {
    const { issues = [] } = options;
    super(code, issues.length === 0 ? message : `${message}\n${issues.map((issue) => `  ${formatIssue(issue)}`).join("\n")}`, options);
    this.issues = issues;
  }

  /** The error as plain data, with its issues. */
  override toJSON(): ErrorJson & { issues: readonly ConfigIssue[] } {
    return { ...super.toJSON(), issues: this.issues };
  }
}

/**
 * Writes an issue as `file:line:column: key.path: message; hint`.
 *
 * @example What an operator reads
 * ```ts
 * import { formatIssue } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 *
 * const issue = { source: "daemon.toml:3:1", path: "service.api.commnad", message: "unknown key", hint: "use run" };
 * assert.equal(formatIssue(issue), "daemon.toml:3:1: service.api.commnad: unknown key; use run");
 * ```
 */
export function formatIssue(issue: ConfigIssue): string {
  return [issue.source, issue.path, issue.message].filter((part) => part !== "").join(": ") + (issue.hint ? `; ${issue.hint}` : "");
}

/** A failure of the file system, a socket or a process. */
export class IoError extends DaemonError {}

/** A failure of one subsystem, which it names. */
export class SubsystemError extends DaemonError {
  /** Path of the subsystem, such as `web` or `workers/1`. */
  readonly subsystem: string;

  /** Creates the error for the subsystem with this path. */
  constructor(code: ErrorCode, subsystem: string, message: string, options?: DaemonErrorOptions) {
    super(code, message, options);
    this.subsystem = subsystem;
  }

  /** The error as plain data, with the subsystem's path. */
  override toJSON(): ErrorJson & { subsystem: string } {
    return { ...super.toJSON(), subsystem: this.subsystem };
  }
}

/** The error for a unit that is not there, among those that are. */
export function unknownUnit(path: string, known: readonly string[]): SubsystemError {
  const near = nearest(path, known);
  const hint = near === undefined ? "" : `; ${didYouMean(near)}`;
  return new SubsystemError("SUBSYSTEM_UNKNOWN", path, `Cannot find a unit named ${JSON.stringify(path)}${hint}`, {
    context: { name: path, ...(near === undefined ? {} : { nearest: near }) },
  });
}

/** A deliberate stop: the reason of aborted signals, and the error of what is refused during shutdown. */
export class ShutdownError extends DaemonError {}

/** Something took longer than it was given. */
export class TimeoutError extends DaemonError {}

/** A profile could not be taken. */
export class ProfilingError extends DaemonError {}

/**
 * Says whether a value is a {@linkcode DaemonError}, of whatever class.
 *
 * @example Foreign errors are not
 * ```ts
 * import { DaemonError, isDaemonError } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 *
 * assert.ok(isDaemonError(new DaemonError("TIMEOUT", "Cannot wait any longer")));
 * assert.ok(!isDaemonError(new Error("other")));
 * ```
 */
export function isDaemonError(value: unknown): value is DaemonError {
  try {
    return value instanceof DaemonError;
  } catch {
    // A revoked proxy can't even be asked.
    return false;
  }
}

/** Whether anything that can be thrown is a {@linkcode DaemonError} with this code; false when it can't be asked. */
export function hasCode(value: unknown, code: ErrorCode): value is DaemonError {
  try {
    return isDaemonError(value) && value.code === code;
  } catch {
    return false;
  }
}

/**
 * The message of anything that can be thrown, at most 8 KiB of it: errors, texts, undefined, frozen and hostile objects.
 *
 * @example Nothing that is thrown breaks the report
 * ```ts
 * import { messageOf } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 *
 * assert.equal(messageOf(undefined), "undefined was thrown");
 * assert.equal(messageOf(new Error("disk full")), "disk full");
 * assert.equal(messageOf("x".repeat(10_000)).length, 8_192);
 * ```
 */
export function messageOf(thrown: unknown): string {
  let text: string;
  try {
    if (thrown instanceof Error) text = String(thrown.message) || thrown.name;
    else if (typeof thrown === "string") text = thrown;
    else if (thrown === undefined || thrown === null) text = `${thrown} was thrown`;
    else text = typeof thrown === "object" ? JSON.stringify(thrown) ?? String(thrown) : String(thrown);
  } catch {
    text = "a value that cannot be shown was thrown";
  }
  return text.length > MAX_MESSAGE_LENGTH ? `${text.slice(0, MAX_MESSAGE_LENGTH - 1)}…` : text;
}

/** Anything that can be thrown and its causes, nearest first, as plain data; a circle is cut, and at most 16 causes are followed. */
export function errorChain(thrown: unknown): ErrorLink[] {
  return [thrown, ...causesOf(thrown)].map(linkOf);
}

/** One thrown value as plain data, whatever its getters do. */
export function linkOf(value: unknown): ErrorLink {
  let name = "Error";
  let code: unknown;
  try {
    if (value instanceof Error) name = String(value.name);
    code = (value as { code?: unknown } | null | undefined)?.code;
  } catch {
    // Properties that can't be read are left out.
  }
  return { name, ...(typeof code === "string" ? { code } : {}), message: messageOf(value) };
}

function causesOf(error: unknown): unknown[] {
  const causes: unknown[] = [];
  let cause = causeOf(error);
  while (cause !== undefined && causes.length < MAX_CHAIN_LENGTH && cause !== error && !causes.includes(cause)) {
    causes.push(cause);
    cause = causeOf(cause);
  }
  return causes;
}

/** The cause of anything that can be thrown; undefined when there is none, or it can't be asked. */
export function causeOf(error: unknown): unknown {
  try {
    return (error as { cause?: unknown } | null | undefined)?.cause;
  } catch {
    return undefined;
  }
}

function nativeStackOf(error: unknown): string | undefined {
  try {
    return error instanceof Error && !isDaemonError(error) ? error.stack : undefined;
  } catch {
    return undefined;
  }
}

function titleOf(value: unknown): string {
  const { name, message } = linkOf(value);
  return `${name}: ${message}`;
}

/** Returns the result of `fn`, or a substitute where the system does not allow the call (`IO_DENIED`). */
export function unlessDenied<T>(fn: () => T, otherwise: T): T {
  try {
    return fn();
  } catch (error) {
    if (isDaemonError(error) && error.code === "IO_DENIED") return otherwise;
    throw error;
  }
}
