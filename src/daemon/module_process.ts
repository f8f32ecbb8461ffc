import { DaemonError, type ErrorLink, isDaemonError, linkOf, messageOf, SubsystemError } from "../core/values/errors.ts";
import { EXIT_CODES } from "../core/values/exit_codes.ts";
import { encodeFrame, FrameReader } from "../core/wire/frames.ts";
import type { Connection } from "../core/ports/ipc.ts";
import type { Host } from "../core/ports/host.ts";
import type { LogRecord } from "../core/ports/log.ts";
import {
  type DaemonMessage,
  HEARTBEAT_MS,
  MODULE_PROTOCOL,
  type ModuleMessage,
  REPORT_SOCKET_VARIABLE,
  TOKEN_VARIABLE,
} from "../core/wire/module_protocol.ts";
import { RestartPolicy } from "../core/supervise/restart.ts";
import type { Context, Subsystem } from "../core/supervise/subsystem.ts";
import type { SubsystemSpec } from "../core/supervise/spec.ts";
import { shutdownRequest } from "../core/supervise/verdict.ts";
import { jsonOf } from "../log/fields.ts";
import { createLogger } from "../log/mod.ts";
import { DaemonBuilder } from "./daemon.ts";
import { Config } from "../settings/config.ts";
import type { Daemon } from "./daemon.ts";
import { ModuleContext } from "./module_context.ts";

/** Log records that wait to be sent; more are dropped and counted. */
const MAX_WAITING_RECORDS = 1_000;
/** Series of a metric in one message. */
const SERIES_PER_MESSAGE = 200;
/** Time for the daemon to take the last message. */
const FAREWELL_MS = 1_000;
/** The daemon that has started the process keeps the time; what is here must only not come before. */
const PATIENCE_MS = 1_000;
const NAME = "module";

/** Options of {@linkcode runModule}. */
export interface RunModuleOptions {
  /** The machine. */
  host: Host;
  /** The module's file, absolute. */
  path: string;
  /** The library, for modules that import it by its name. */
  library?: () => Promise<Readonly<Record<string, unknown>>>;
}

type Welcome = Extract<DaemonMessage, { type: "welcome" }>;

/**
 * Runs a module as the one subsystem of a daemon in this process, under the eyes of the daemon that has started the process: ready, log,
 * heartbeat and result go there, the stop comes from there. When the channel is lost the module is stopped. Returns the exit code.
 */
export async function runModule({ host, path, library }: RunModuleOptions): Promise<number> {
  const [socket, token] = [host.env.get(REPORT_SOCKET_VARIABLE), host.env.get(TOKEN_VARIABLE)];
  if (socket === undefined || token === undefined || path === undefined) {
    throw new DaemonError(
      "RUNTIME_STATE",
      "Cannot run a module as only a daemon starts such a process; write module = in its configuration",
    );
  }
  using channel = new Channel(await host.ipc.connect(socket), host);
  const welcome = await channel.greet(token);
  using _beat = channel.beat();
  if (library !== undefined) host.modules.provide("@daemonkit/daemonkit", library);
  let exitCode: number;
  try {
    const { subsystem, isManual } = subsystemOf(await load(path, host), path);
    exitCode = await runInside(subsystem, { host, channel, welcome, isManual });
  } catch (error) {
    channel.send({ type: "error", error: errorOf(error) });
    exitCode = EXIT_CODES.failed;
  }
  await channel.close();
  return exitCode;
}

async function load(path: string, host: Host): Promise<Readonly<Record<string, unknown>>> {
  try {
    return await host.modules.load(path);
  } catch (cause) {
    // A runtime shows a mistake with the lines around it.
    const reason = messageOf(cause).replace(/\s+/g, " ");
    throw new DaemonError("SUBSYSTEM_START_FAILED", `Cannot load ${path}: ${reason}`, { cause });
  }
}

/** Describes an error; our class names say less than the codes, and bundlers may change them. */
function errorOf(error: unknown): ErrorLink {
  return isDaemonError(error) ? { ...linkOf(error), name: "Error" } : linkOf(error);
}

/** Makes a subsystem of a module's default export: a function, a subsystem, or a class of one that is made without arguments. */
function subsystemOf(exports: Readonly<Record<string, unknown>>, path: string): { subsystem: Pick<Subsystem, "run">; isManual: boolean } {
  const given = exports.default;
  const spec = exports.spec as SubsystemSpec | undefined;
  const isManual = (subsystem: Partial<Subsystem>) => (spec ?? subsystem.spec)?.readiness === "manual";
  if (typeof given === "function") {
    if (typeof given.prototype?.run !== "function") {
      const subsystem = { run: given as Subsystem["run"] };
      return { subsystem, isManual: isManual({}) };
    }
    const made = new (given as new () => Subsystem)();
    return { subsystem: made, isManual: isManual(made) };
  }
  if (typeof (given as Partial<Subsystem> | undefined)?.run === "function") {
    return { subsystem: given as Subsystem, isManual: isManual(given as Subsystem) };
  }
  throw new DaemonError(
    "SUBSYSTEM_START_FAILED",
    `Cannot run ${path} as its default export must be a function, a subsystem or a class of one: current value is of type ${
      given === null ? "null" : typeof given
    }`,
  );
}

async function runInside(
  subsystem: Pick<Subsystem, "run">,
  { host, channel, welcome, isManual }: { host: Host; channel: Channel; welcome: Welcome; isManual: boolean },
): Promise<number> {
  const { unit, run, attempt, stopTimeoutMs } = welcome;
  const log = createLogger({ level: "trace", name: "", clock: host.clock, sinks: [(record) => channel.log(record)] });
  let failure: { error: unknown } | undefined;
  const body = async (context: Context) => {
    const inside = new ModuleContext(context, {
      name: unit,
      run,
      attempt,
      log,
      ready: () => channel.send({ type: "ready" }),
      requestShutdown: (request) => {
        const { reason, exitCode, isForced } = shutdownRequest(request, "requested by a module");
        channel.send({ type: "shutdown", reason, ...(exitCode === undefined ? {} : { exitCode }), ...(isForced ? { force: true } : {}) });
      },
    });
    if (!isManual) inside.ready();
    try {
      await subsystem.run(inside);
    } catch (error) {
      if (!context.isShutdown()) failure = { error };
      throw error;
    }
  };
  const config = Config.builder().name(NAME).shutdownTimeout(stopTimeoutMs + PATIENCE_MS).forceTimeout(
    stopTimeoutMs + 2 * PATIENCE_MS,
  )
    .killTimeout(stopTimeoutMs + 3 * PATIENCE_MS).build();
  const daemon = new DaemonBuilder(config)
    // To its own code this program has no arguments.
    .withHost({ ...host, ownProcess: { ...host.ownProcess, args: [] } })
    .withLogger(() => {/* the daemon that has started this process says what happens to it */})
    .withSubsystem({ name: NAME, run: body }, { restart: RestartPolicy.Never, readiness: "none", stop: { timeout: stopTimeoutMs } })
    .build();
  channel.stops(daemon);
  const { errors, exitCode } = await daemon.run({ ownsProcess: true });
  channel.measured();
  const error = failure?.error ?? causeOf(errors[0]);
  channel.send(error === undefined ? { type: "result" } : { type: "error", error: errorOf(error) });
  return exitCode;
}

/** Returns the real error: the daemon inside wraps it with the name of a subsystem that nobody knows. */
function causeOf(error: unknown): unknown {
  if (!(error instanceof SubsystemError) || error.cause === undefined) return error;
  if (error.code !== "RUNTIME_PANIC") return error.cause;
  const { name, message } = linkOf(error.cause);
  return new DaemonError("RUNTIME_PANIC", `it left an error unhandled: ${name}: ${message}`, { cause: error.cause });
}

/** The module's end of the channel to its daemon. */
class Channel implements Disposable {
  readonly #connection: Connection;
  readonly #host: Host;
  readonly #welcome = Promise.withResolvers<Welcome>();
  /** Resolves when nothing more comes. */
  readonly #ended: Promise<void>;
  /** `loading` from the welcome on, until there is a daemon that can be stopped. */
  #stage: "greeting" | "loading" | "running" | "over" = "greeting";
  #daemon: Daemon | undefined;
  #waitingRecords = 0;
  #droppedRecords = 0;

  constructor(connection: Connection, host: Host) {
    this.#connection = connection;
    this.#host = host;
    this.#welcome.promise.catch(() => {/* for whoever greets */});
    this.#ended = this.#read();
  }

  /** Says who this is; resolves with the answer. */
  greet(token: string): Promise<Welcome> {
    this.send({ type: "hello", protocol: MODULE_PROTOCOL, token });
    return this.#welcome.promise;
  }

  /** Says again and again that the loop goes on. */
  beat(): Disposable {
    const { clock } = this.#host;
    const beat = () => {
      this.send({ type: "heartbeat" });
      this.measured();
      timer = clock.schedule(HEARTBEAT_MS, beat);
    };
    let timer = clock.schedule(HEARTBEAT_MS, beat);
    return { [Symbol.dispose]: () => timer[Symbol.dispose]() };
  }

  /** Sends what was measured since the last time. */
  measured(): void {
    const delta = this.#daemon?.metrics.takeDelta();
    if (delta === undefined) return;
    // A metric at a time, and some series of it: a message has a limit, and what it would hold of others is not lost then.
    for (const { series, ...metric } of delta.metrics) {
      for (let at = 0; at < series.length; at += SERIES_PER_MESSAGE) {
        const part = { ...metric, series: series.slice(at, at + SERIES_PER_MESSAGE) };
        this.send({ type: "metrics", delta: { metrics: [part], rejected: [] } });
      }
    }
    if (delta.rejected.length > 0) this.send({ type: "metrics", delta: { metrics: [], rejected: delta.rejected } });
  }

  /** Stops this daemon when the channel says so. */
  stops(daemon: Daemon): void {
    this.#stage = "running";
    this.#daemon = daemon;
  }

  send(message: ModuleMessage): void {
    this.#write(message).catch(() => {/* who reads the channel sees it end */});
  }

  /** Sends a record; what comes faster than the daemon takes it is dropped. */
  log({ level, logger, message, fields }: LogRecord): void {
    if (this.#waitingRecords >= MAX_WAITING_RECORDS) return void this.#droppedRecords++;
    this.#waitingRecords++;
    // The fields arrive as data, errors and circles in them too.
    const plain = JSON.parse(jsonOf(fields) ?? "{}");
    const record = {
      type: "log",
      level,
      logger: logger.replace(/^\//, ""),
      message,
      fields: typeof plain === "object" ? plain : { fields: plain },
    } as const;
    void this.#write(record).catch(() => {/* likewise */}).finally(() => this.#recordSent());
  }

  #recordSent(): void {
    this.#waitingRecords--;
    if (this.#droppedRecords === 0 || this.#waitingRecords > 0) return;
    this.send({ type: "dropped", records: this.#droppedRecords });
    this.#droppedRecords = 0;
  }

  /** Resolves when the daemon has taken everything, or has gone, or takes too long. */
  async close(): Promise<void> {
    this.#stage = "over";
    const late = Promise.withResolvers<void>();
    using _timer = this.#host.clock.schedule(FAREWELL_MS, late.resolve);
    await Promise.race([this.#ended, late.promise]);
  }

  [Symbol.dispose](): void {
    this.#connection[Symbol.dispose]();
  }

  async #write(message: ModuleMessage): Promise<void> {
    let frame: Uint8Array;
    try {
      frame = encodeFrame(message);
    } catch (error) {
      // A message that is too long must not be lost without a word.
      frame = encodeFrame({
        type: "log",
        level: "error",
        logger: "",
        message: "a message was too long",
        fields: { reason: messageOf(error) },
      });
    }
    await this.#connection.write(frame);
  }

  async #read(): Promise<void> {
    const reader = new FrameReader((value) => this.#take(value as DaemonMessage));
    let reason = "the daemon has gone";
    try {
      for (let bytes = await this.#connection.read(); bytes !== undefined; bytes = await this.#connection.read()) reader.push(bytes);
    } catch (error) {
      if (!isDaemonError(error)) throw error;
      reason = error.message;
    }
    this.#welcome.reject(new DaemonError("IPC_FAILED", `Cannot run a module as ${reason}`));
    this.#stop(reason);
  }

  #take(message: DaemonMessage): void {
    if (message.type === "welcome") {
      this.#stage = "loading";
      this.#welcome.resolve(message);
    } else if (message.type === "stop") this.#stop(message.reason);
  }

  #stop(reason: string): void {
    this.#daemon?.shutdown(reason);
    // Code that is still being loaded can't be told, as by a signal that nobody handles yet.
    if (this.#stage === "loading") this.#host.ownProcess.exit(EXIT_CODES.ok);
  }
}
