import type { Clock } from "../core/ports/clock.ts";
import { LOG_LEVELS, type LogFields, type Logger, type LogLevel, type LogSink } from "../core/ports/log.ts";

/** Options of {@linkcode createLogger}. */
export interface LoggerOptions {
  /** Least important level that is recorded. */
  level: LogLevel;
  /** Name of the root logger; those below are called `name/child`. */
  name: string;
  /** Dates the records. */
  clock: Clock;
  /** Where records go, in this order. One that throws is counted and hurts no other. */
  sinks: readonly LogSink[];
  /** Fields of every record. @default {{}} */
  fields?: LogFields;
}

/** A logger whose level can change while it runs; those below it follow. */
export interface RootLogger extends Logger {
  /** Least important level that is recorded; setting an unknown one is a RangeError. */
  level: LogLevel;
  /** How often a sink threw. */
  readonly sinkFailures: number;
}

/** State shared by a logger and its children. */
interface Shared {
  /** Index of the level in {@linkcode LOG_LEVELS}. */
  threshold: number;
  readonly clock: Clock;
  readonly sinks: readonly LogSink[];
  sinkFailures: number;
}

const [TRACE, DEBUG, INFO, WARN, ERROR] = LOG_LEVELS.keys();

/**
 * Creates a logger that writes to sinks; a call below its level costs one comparison.
 *
 * @throws {RangeError} if the level is unknown.
 */
export function createLogger(options: LoggerOptions): RootLogger {
  const { level, name, clock, sinks, fields = {} } = options;
  return new SinkLogger({ threshold: indexOf(level), clock, sinks: [...sinks], sinkFailures: 0 }, name, fields);
}

class SinkLogger implements RootLogger {
  readonly #shared: Shared;
  readonly #name: string;
  readonly #fields: LogFields;
  readonly #hasFields: boolean;

  constructor(shared: Shared, name: string, fields: LogFields) {
    this.#shared = shared;
    this.#name = name;
    this.#fields = fields;
    this.#hasFields = Object.keys(fields).length > 0;
  }

  get level(): LogLevel {
    return LOG_LEVELS[this.#shared.threshold];
  }

  set level(level: LogLevel) {
    this.#shared.threshold = indexOf(level);
  }

  get sinkFailures(): number {
    return this.#shared.sinkFailures;
  }

  trace(message: string, fields?: LogFields): void {
    if (this.#shared.threshold <= TRACE) this.#write("trace", message, fields);
  }

  debug(message: string, fields?: LogFields): void {
    if (this.#shared.threshold <= DEBUG) this.#write("debug", message, fields);
  }

  info(message: string, fields?: LogFields): void {
    if (this.#shared.threshold <= INFO) this.#write("info", message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    if (this.#shared.threshold <= WARN) this.#write("warn", message, fields);
  }

  error(message: string, fields?: LogFields): void {
    if (this.#shared.threshold <= ERROR) this.#write("error", message, fields);
  }

  isEnabled(level: LogLevel): boolean {
    return indexOf(level) >= this.#shared.threshold && this.#shared.sinks.length > 0;
  }

  child(name: string, fields: LogFields = {}): Logger {
    return new SinkLogger(this.#shared, `${this.#name}/${name}`, { ...this.#fields, ...fields });
  }

  #write(level: LogLevel, message: string, own: LogFields = {}): void {
    const { clock, sinks } = this.#shared;
    const fields = this.#hasFields ? { ...this.#fields, ...own } : own;
    const record = { timeMs: clock.wallMs(), level, message, logger: this.#name, fields };
    for (const sink of sinks) {
      try {
        sink(record);
      } catch {
        // A sink must not throw. Logging its failure would come back to the same sink; the count is for whoever looks.
        this.#shared.sinkFailures++;
      }
    }
  }
}

function indexOf(level: LogLevel): number {
  const index = LOG_LEVELS.indexOf(level);
  if (index < 0) throw new RangeError(`Cannot log as "level" must be one of ${LOG_LEVELS.join(", ")}: current value is ${String(level)}`);
  return index;
}
