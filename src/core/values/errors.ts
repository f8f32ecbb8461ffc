import { didYouMean, nearest } from "./names.ts";
import { ERROR_CODES, type ErrorCategory, type ErrorCode, type ErrorSeverity } from "./error_codes.ts";

/** Options of {@linkcode DaemonError} and its subclasses. */
export interface DaemonErrorOptions {
  /** Cause of this failure, of any type. */
  cause?: unknown;
  /** Facts that help an operator act, as plain data: a path, a pid, a value that was refused. */
  context?: Readonly<Record<string, unknown>>;
}

/** A {@linkcode DaemonError} as plain data, for logs and answers. */
export interface ErrorJson {
  /** Class name. */
  name: string;
  /** Stable code; the causes of other classes have one where they carry it. */
  code?: string;
  /** Message, at most 8 KiB of it. */
  message: string;
  /** The code's number. */
  number: number;
  /** The part of the daemon that failed. */
  category: ErrorCategory;
  /** How bad it is. */
  severity: ErrorSeverity;
  /** Whether the same call may succeed later. */
  retryable: boolean;
  /** Facts beside the message. */
  context?: Readonly<Record<string, unknown>>;
  /** The causes, nearest first, `Error` for foreign values without a class. */
  chain: { name: string; code?: string; message: string }[];
}

/** A link of {@linkcode DaemonError.chain}. */
export type ErrorLink = ErrorJson["chain"][number];

/** Facts that help an operator act. */
export type ErrorContext = NonNullable<DaemonErrorOptions["context"]>;

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
  declare readonly context: Readonly<Record<string, unknown>> | undefined;

  /** Creates an error without touching the stack. */
  constructor(code: ErrorCode, message: string, options?: DaemonErrorOptions) {
    this.code = code;
    this.message = message;
    this.cause = options === undefined ? undefined : options.cause;
    this.context = options === undefined ? undefined : options.context;
  }

  /** Creates an error around the value that caused it. */
  static wrap(cause: unknown, code: ErrorCode, message: string, context?: Readonly<Record<string, unknown>>): DaemonError {
    return new DaemonError(code, message, { cause, context });
  }

  /** Its class, by a name that no bundler changes; a class of one's own has the name that it was given. */
  static readonly className: string = "DaemonError";

  /** The class name. */
  get name(): string {
    const { className, name } = this.constructor as typeof DaemonError;
    return Object.hasOwn(this.constructor, "className") ? className : name;
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
  chain(): ErrorJson["chain"] {
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

/**
 * A configuration that can't be used; `issues` lists every mistake found, not only the first.
 *
 * @example A key that is misspelt
 * ```ts
 * import { Config, ConfigError } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 *
 * const error = await Config.parse('nam = "x"').catch((error) => error);
 * assert.ok(error instanceof ConfigError);
 * assert.deepEqual(error.issues.map(({ source, hint }) => [source, hint]), [["daemon.toml:1:1", "did you mean name?"]]);
 * ```
 */
export class ConfigError extends DaemonError {
  /** Its name. */
  static override readonly className: string = "ConfigError";
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
 * import assert from "node:assert/strict";
 *
 * const issue = { source: "daemon.toml:3:1", path: "service.api.commnad", message: "unknown key", hint: "use run" };
 * assert.equal(formatIssue(issue), "daemon.toml:3:1: service.api.commnad: unknown key; use run");
 * ```
 */
export function formatIssue({ source, path, message, hint }: ConfigIssue): string {
  return [source, shortened(path), shortened(message)].filter((part) => part !== "").join(": ") + (hint ? `; ${hint}` : "");
}

/** Longest word, and longest text of several, that is shown: a key or a value may be as long as its file. */
const LONGEST_WORD = 200;
const LONGEST_TEXT = 2_000;

function shortened(text: string): string {
  const words = text.replace(/\S{201,}/g, (word) => `${word.slice(0, LONGEST_WORD - 40)}…${word.slice(-39)}`);
  return words.length > LONGEST_TEXT ? `${words.slice(0, LONGEST_TEXT - 1)}…` : words;
}

/**
 * A failure of the file system, a socket or a process.
 *
 * @example The code says which failure it is
 * ```ts
 * import { IoError } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 *
 * const error = new IoError("IO_NOT_FOUND", "Cannot read the token as there is no file token.txt", { context: { path: "token.txt" } });
 * assert.deepEqual([error.code, error.category, error.context?.path], ["IO_NOT_FOUND", "io", "token.txt"]);
 * ```
 */
export class IoError extends DaemonError {
  /** Its name. */
  static override readonly className: string = "IoError";
}

/**
 * A failure of one subsystem, which it names.
 *
 * @example A subsystem that is not there
 * ```ts
 * import { Daemon, SubsystemError } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 *
 * const daemon = await Daemon.builder().withTask("main", (context) => context.cancelled()).build().start();
 * const error = await daemon.ended("mein").catch((error) => error);
 * assert.ok(error instanceof SubsystemError);
 * assert.deepEqual([error.code, error.subsystem], ["SUBSYSTEM_UNKNOWN", "mein"]);
 * daemon.shutdown();
 * await daemon.wait();
 * ```
 */
export class SubsystemError extends DaemonError {
  /** Its name. */
  static override readonly className: string = "SubsystemError";
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

/**
 * A deliberate stop: the reason of aborted signals, and the error of what is refused during shutdown.
 *
 * @example Nothing can be added to a daemon that stops
 * ```ts
 * import { Daemon, ShutdownError } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 *
 * const daemon = await Daemon.builder().withTask("main", (context) => context.cancelled()).build().start();
 * daemon.shutdown();
 * assert.throws(() => daemon.add({ name: "late", run: () => {} }), ShutdownError);
 * await daemon.wait();
 * ```
 */
export class ShutdownError extends DaemonError {
  /** Its name. */
  static override readonly className: string = "ShutdownError";
}

/**
 * Something took longer than it was given.
 *
 * @example A start that takes too long
 * ```ts
 * import { Daemon, TimeoutError } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 *
 * const daemon = Daemon.builder()
 *   .withTask("slow", (context) => context.cancelled(), { readiness: "manual", ready: { timeout: "1ms" } })
 *   .build();
 * const error = await daemon.start().catch((error) => error);
 * assert.equal(error.code, "SUBSYSTEM_START_TIMEOUT");
 * assert.ok(error instanceof TimeoutError || error.cause instanceof TimeoutError);
 * ```
 */
export class TimeoutError extends DaemonError {
  /** Its name. */
  static override readonly className: string = "TimeoutError";
}

/**
 * A profile could not be taken.
 *
 * @example It has a code of its own
 * ```ts
 * import { ProfilingError } from "@daemonkit/daemonkit";
 * import assert from "node:assert/strict";
 *
 * assert.equal(new ProfilingError("PROFILING_FAILED", "Cannot profile as another profile is being taken").category, "profiling");
 * ```
 */
export class ProfilingError extends DaemonError {
  /** Its name. */
  static override readonly className: string = "ProfilingError";
}

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
