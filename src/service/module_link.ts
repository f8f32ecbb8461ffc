import type { Clock } from "../core/ports/clock.ts";
import { formatDuration } from "../core/values/duration.ts";
import { type ErrorLink, messageOf } from "../core/values/errors.ts";
import { encodeFrame } from "../core/wire/frames.ts";
import type { Connection } from "../core/ports/ipc.ts";
import { LOG_LEVELS, type LogFields, type Logger, type LogLevel } from "../core/ports/log.ts";
import { type DaemonMessage, HEARTBEAT_MS, type ModuleMessage } from "../core/wire/module_protocol.ts";
import { isExitCode, type ShutdownRequest } from "../core/supervise/verdict.ts";
import type { MeasurementIntake, MetricsDelta } from "../core/wire/metrics_delta.ts";
import type { AskToStop } from "./process_group.ts";

/** A module that has said nothing for so long is blocked. */
const SILENT_MS = 5 * HEARTBEAT_MS;

/** Dependencies of {@linkcode ModuleLink}. */
export interface ModuleLinkOptions {
  /** Facts about its run that the module gets. */
  welcome: Omit<Extract<DaemonMessage, { type: "welcome" }>, "type">;
  /** Times the silence. */
  clock: Clock;
  /** Takes what the module logs. */
  log: Logger;
  /** Told that it is ready. */
  onReady: () => void;
  /** Told that it wants the daemon to stop. */
  onShutdown: (request: ShutdownRequest) => void;
  /** Takes what it measures. @default nobody does */
  measurements?: MeasurementIntake;
}

/** The daemon's end of the channel to the process of a module, for one run. */
export class ModuleLink implements AskToStop, Disposable {
  readonly #options: ModuleLinkOptions;
  #connection: Connection | undefined;
  #error: ErrorLink | undefined;
  #lastMs = 0;
  #isSilent = false;
  #isOver = false;
  #watch: Disposable | undefined;

  /** Creates it; a {@linkcode ModuleHub} brings the connection. */
  constructor(options: ModuleLinkOptions) {
    this.#options = options;
  }

  /** Error of the module. */
  get error(): ErrorLink | undefined {
    return this.#error;
  }

  /** Tells its measurements from those of other processes. */
  get #source(): string {
    const { unit, run } = this.#options.welcome;
    return `${unit} ${run}`;
  }

  /** For how long it has said nothing, in words; undefined while it answers. */
  get silence(): string | undefined {
    return this.#isSilent ? formatDuration(Math.floor((this.#options.clock.nowMs() - this.#lastMs) / 1_000) * 1_000) : undefined;
  }

  /** The process is there. */
  connected(connection: Connection): void {
    this.#connection = connection;
    this.#lastMs = this.#options.clock.nowMs();
    this.#send({ type: "welcome", ...this.#options.welcome });
    this.#watchSilence();
  }

  /** The connection has ended; `failure` says what broke it. */
  disconnected(failure: unknown): void {
    this.#connection = undefined;
    this.#watch?.[Symbol.dispose]();
    this.#isSilent = false;
    if (failure !== undefined && !this.#isOver) this.#options.log.warn("the channel to the module broke", { reason: messageOf(failure) });
  }

  /** Takes a message; one that is not known is ignored. */
  take(value: unknown): void {
    const { log, onReady, onShutdown, clock } = this.#options;
    this.#lastMs = clock.nowMs();
    if (this.#isSilent) {
      this.#isSilent = false;
      log.info("the module answers again");
    }
    const message = value as ModuleMessage;
    switch (message?.type) {
      case "ready":
        return onReady();
      case "log":
        return this.#log(message.level, message.logger, String(message.message), message.fields);
      case "dropped":
        return log.warn("log records of the module were dropped", { records: message.records });
      case "metrics":
        return this.#merge(message.delta);
      case "shutdown":
        return onShutdown({
          reason: String(message.reason),
          force: message.force === true,
          ...(isExitCode(message.exitCode) ? { exitCode: message.exitCode } : {}),
        });
      case "error":
        this.fail(message.error);
        return this.#finish();
      case "result":
        return this.#finish();
    }
  }

  /** The module has failed. */
  fail(error: ErrorLink): void {
    this.#error ??= {
      name: String(error?.name),
      message: String(error?.message),
      ...(typeof error?.code === "string" ? { code: error.code } : {}),
    };
  }

  /** Asks it to stop; false when it is not there. */
  ask(): Promise<boolean> {
    return Promise.resolve(this.#send({ type: "stop", reason: "the service is to stop" }));
  }

  /** The process is killed by its group. */
  kill(): void {}

  /** Lets go of the connection. */
  [Symbol.dispose](): void {
    this.#isOver = true;
    this.#watch?.[Symbol.dispose]();
    this.#connection?.[Symbol.dispose]();
    this.#options.measurements?.forget(this.#source);
  }

  /** The process ends once it sees that all it said has arrived. */
  #finish(): void {
    this.#isOver = true;
    void this.#connection?.end();
  }

  #log(level: LogLevel, logger: string, message: string, fields: LogFields): void {
    const { log } = this.#options;
    if (!LOG_LEVELS.includes(level)) return;
    (logger ? log.child(String(logger)) : log)[level](message, fieldsOf(fields));
  }

  #merge(delta: MetricsDelta): void {
    try {
      this.#options.measurements?.merge(delta, this.#source);
    } catch (error) {
      this.#options.log.warn("measurements of the module were dropped", { reason: messageOf(error) });
    }
  }

  #send(message: DaemonMessage): boolean {
    if (this.#connection === undefined) return false;
    this.#connection.write(encodeFrame(message)).catch(() => {/* who reads the connection sees it end */});
    return true;
  }

  #watchSilence(): void {
    const { clock, log } = this.#options;
    const look = () => {
      if (!this.#isSilent && clock.nowMs() - this.#lastMs >= SILENT_MS) {
        this.#isSilent = true;
        log.warn("the module does not answer, its event loop is blocked", { silent: formatDuration(SILENT_MS) });
      }
      this.#watch = clock.schedule(HEARTBEAT_MS, look);
    };
    this.#watch = clock.schedule(HEARTBEAT_MS, look);
  }
}

/** The fields of a record; what stands under `err` becomes an error again. */
function fieldsOf(given: unknown): LogFields {
  if (typeof given !== "object" || given === null) return {};
  const { err, ...fields } = given as { err?: Partial<ErrorLink> & { stack?: unknown } };
  if (typeof err !== "object" || err === null) return given as LogFields;
  const error = Object.assign(new Error(String(err.message)), {
    stack: String(err.stack ?? ""),
    ...(err.code === undefined ? {} : { code: err.code }),
  });
  error.name = String(err.name);
  return { ...fields, err: error };
}
