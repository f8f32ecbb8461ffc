import { PROBLEM } from "../control/problem.ts";
import { DAEMON_ROUTES } from "../control/routes/daemon.ts";
import type { OutcomesAnswer, StatusAnswer, UnitCommand } from "../control/routes/mod.ts";
import { sleep } from "../core/ports/clock.ts";
import { formatIssue, isDaemonError, messageOf } from "../core/values/errors.ts";
import { type DaemonEvent, isKnownEvent } from "../core/supervise/event.ts";
import { EXIT_CODES } from "../core/values/exit_codes.ts";
import type { Host } from "../core/ports/host.ts";
import type { SignalName } from "../core/values/signal_name.ts";
import type { Dropped, LogLine } from "../core/wire/log_line.ts";
import { answerShape, askingPath, type RouteDeclaration } from "../core/wire/route.ts";
import type { Fields, Shape } from "../core/wire/shape.ts";
import type { ReloadAnswer, WaitGoal } from "../core/supervise/operations.ts";
import { folderOf } from "../core/values/paths.ts";
import { parsePattern } from "../control/pattern.ts";
import { PROTOCOL, VERSION } from "../instance/version.ts";
import { AnswerRefused, parseAnswer } from "./answers.ts";
import { CommandFailure } from "./failure.ts";
import type { Target } from "./find.ts";

/** A daemon lives, and there is no way to its socket. */
export class NoSocketFailure extends CommandFailure {}

/** A daemon that has not answered within this time is there but not answering. */
const ANSWER_MS = 5_000;
/** Between two tries of a daemon that lives and has no socket. */
const LOOK_MS = 20;
/** The part of the time for an answer in which a daemon may make its socket anew. */
const SOCKET_SHARE = 0.8;

/** Most lines that a daemon gives of what is there. */
const MAX_LINES = 10_000;
/** Lines that are shown where nothing is said. */
const DEFAULT_LINES = 100;
/** Letters that mean something in an expression. */
const EXPRESSION = /[\\^$.*+?()[\]{}|]/;

/** Longest answer in bytes: ten thousand units with all that they printed last are shorter. */
const MAX_ANSWER_BYTES = 67_108_864;
/** Longest line of a stream, in characters. */
const MAX_LINE_LENGTH = 4_194_304;
/** Longest file of a profile, in bytes. */
const MAX_PROFILE_BYTES = 4_294_967_296;
/** How long is waited in all for the pieces of an answer that has an end. */
const MAX_WAIT_MS = 60_000;
/** Between two looks whether a daemon lives that is at a command for long, and how many of them it may leave without an answer. */
const WATCH_MS = 10_000;
const MOST_SILENT = 3;

/** Takes an item of a stream; false ends the reading. */
type OnItem<T> = (item: T) => boolean | void;
type OnLine = OnItem<LogLine | Dropped>;
type OnEvent = OnItem<DaemonEvent | Dropped>;

/** A route of commands on units, which take a body. */
type CommandRoute<B> = RouteDeclaration<Fields, Fields, Fields, B, OutcomesAnswer>;

/** Options of a {@linkcode Client}. */
export interface ClientOptions {
  /** How long a daemon may take to answer, in milliseconds. @default {5_000} */
  answerMs?: number;
  /** Name of the program, in what it says to do. @default {"daemonkit"} */
  program?: string;
  /** The process of the daemon if it lives, be its socket there or not. @default {() => undefined} */
  pid?: () => number | undefined;
}

/** Which lines {@linkcode Client.logs} asks for. */
export interface LogOptions {
  /** How many of the newest; undefined leaves it to the daemon. */
  lines?: number;
  /** Whether to go on with new ones. */
  follow: boolean;
  /** None older than this, as a duration. */
  since?: string;
  /** Only those that this regular expression matches. */
  grep?: string;
}

/** How {@linkcode Client.profile} hands over. */
export interface ProfileOptions {
  /** Takes a piece of the file; what it throws ends the transfer. */
  onPiece: (piece: Uint8Array) => void;
  /** Ends it early: it then rejects with the reason. */
  signal: AbortSignal;
}

/** Talks to a daemon over its control socket; each command loads the routes that it asks. Failures are {@linkcode CommandFailure}s with the documented codes. */
export class Client {
  readonly #host: Pick<Host, "http" | "clock" | "files">;
  readonly #answerMs: number;
  readonly #program: string;
  readonly #pid: () => number | undefined;
  /** The daemon. */
  readonly target: Target;

  /** Creates a client; nothing is sent yet. */
  constructor(host: Pick<Host, "http" | "clock" | "files">, target: Target, options: ClientOptions = {}) {
    const { answerMs = ANSWER_MS, program = "daemonkit", pid = () => undefined } = options;
    this.#host = host;
    this.#answerMs = answerMs;
    this.#program = program;
    this.#pid = pid;
    this.target = target;
  }

  /** Gets the status of the daemon, with all units or those that the patterns match. Works with every version. */
  async status(patterns: readonly string[] = []): Promise<StatusAnswer> {
    const { status } = DAEMON_ROUTES;
    return await this.#read(await this.#ask(askingPath(status, { name: [...patterns] }), { method: status.method }), answerShape(status));
  }

  /** Begins to stop the daemon. Works with every version. */
  async shutdown(): Promise<void> {
    const { method, path } = DAEMON_ROUTES.stop;
    const response = await this.#ask(path, { method });
    await response.body?.cancel();
  }

  /** Starts, stops or restarts units; returns when their state has changed, however long that takes. */
  async command(verb: UnitCommand, names: readonly string[], timeout?: string): Promise<OutcomesAnswer> {
    await this.#checkAlive();
    const { UNIT_ROUTES } = await import("../control/routes/units.ts");
    return await this.#post(UNIT_ROUTES[verb], { names: [...names], ...(timeout === undefined ? {} : { timeout }) });
  }

  /** Lets the daemon read its configuration again and apply it, or say what that would do; returns when what it touches has changed. */
  async reload(options: { dryRun: boolean; timeout?: string }): Promise<ReloadAnswer> {
    await this.#checkAlive();
    const { dryRun, timeout } = options;
    const { reload } = DAEMON_ROUTES;
    const path = askingPath(reload, { dryRun: dryRun ? "1" : "0", timeout });
    return await this.#read(await this.#sendLong(path, { method: reload.method }), answerShape(reload));
  }

  /** Sends a signal to the process groups of services. */
  async signal(signal: SignalName, names: readonly string[]): Promise<OutcomesAnswer> {
    await this.#checkAlive();
    const { UNIT_ROUTES } = await import("../control/routes/units.ts");
    return await this.#post(UNIT_ROUTES.signal, { names: [...names], signal });
  }

  /** Waits until all units are where `goal` says, at most `timeout` long; answers who is not. */
  async wait(patterns: readonly string[], goal: WaitGoal, timeout?: string): Promise<OutcomesAnswer> {
    await this.#checkAlive();
    const { UNIT_ROUTES: { wait } } = await import("../control/routes/units.ts");
    const path = askingPath(wait, { name: [...patterns], for: goal, timeout });
    return await this.#read(await this.#sendLong(path, { method: wait.method }), answerShape(wait));
  }

  /**
   * Hands over lines that units printed, until they or the daemon end; resolves with how many units the patterns matched.
   * `onCut` is called first when there were older ones, with the time from which on the daemon has them all.
   */
  async logs(patterns: readonly string[], options: LogOptions, onLine: OnLine, onCut: (keptFrom: string) => void): Promise<number> {
    await this.#checkAlive();
    const { lines, follow, since, grep } = options;
    // A plain text is looked for by the daemon. An expression is tried here, as a slow one keeps only this command from its work.
    const isText = grep !== undefined && !EXPRESSION.test(grep);
    const pattern = grep === undefined || isText ? undefined : parsePattern(grep);
    const asked = pattern === undefined ? lines : MAX_LINES;
    const wishes = { name: [...patterns], n: asked, since, contains: isText ? grep : undefined, follow: follow ? "1" as const : undefined };
    const { LOG_ROUTES: { logs } } = await import("../control/routes/logs.ts");
    const response = await this.#ask(askingPath(logs, wishes), { headers: { accept: "application/x-ndjson" } });
    const keptFrom = response.headers.get("daemonkit-kept-from");
    const first = Math.min(MAX_LINES, Number(/^\d+$/.exec(response.headers.get("daemonkit-first") ?? "0")?.[0] ?? 0));
    const limit = lines ?? (since === undefined ? DEFAULT_LINES : MAX_LINES);
    const take = pattern === undefined
      ? onLine
      : matching(pattern, { first, limit, onLine, onFew: () => keptFrom !== null && onCut(keptFrom) });
    if (pattern === undefined && keptFrom !== null) onCut(keptFrom);
    await this.#readItems(response, answerShape(logs), take, follow ? undefined : asked ?? limit);
    return Number(response.headers.get("daemonkit-matched") ?? 0);
  }

  /** Hands over the events that the daemon still has, then those that follow until the daemon's end. */
  async pastEvents({ follow }: { follow: boolean }, onEvent: OnEvent): Promise<void> {
    const { EVENT_ROUTES: { events } } = await import("../control/routes/events.ts");
    const path = askingPath(events, { n: MAX_LINES, follow: follow ? "1" : "0" });
    const response = await this.#ask(path, { headers: { accept: "application/x-ndjson" } });
    await this.#readItems(response, answerShape(events), known(onEvent), follow ? undefined : MAX_LINES);
  }

  /** Subscribes to events; `ended` resolves when the daemon's side has ended, however it did, or the signal has ended ours. */
  async events(onEvent: OnEvent, signal: AbortSignal): Promise<{ ended: Promise<void> }> {
    const { EVENT_ROUTES: { events } } = await import("../control/routes/events.ts");
    const response = await this.#ask(events.path, { headers: { accept: "application/x-ndjson" } });
    // A daemon that dies in the middle has ended too: what it did not say is what there is to tell.
    const take = known(onEvent);
    const onLine = (line: string) => take(this.#parse(line, answerShape(events)));
    return { ended: readLines(this.#pieces(response, { signal }), onLine).catch(() => {}) };
  }

  /** Lets the daemon profile itself, and hands over the pieces of the file; resolves when it is whole. */
  async profile(kind: "cpu" | "heap", seconds: number | undefined, options: ProfileOptions): Promise<void> {
    await this.#checkAlive();
    const { PROFILE_ROUTES: { cpu, heap } } = await import("../control/routes/profile.ts");
    const path = kind === "cpu" ? askingPath(cpu, { seconds }) : heap.path;
    const { signal, onPiece } = options;
    const response = await this.#sendLong(path, { method: "POST", signal });
    for await (const piece of this.#pieces(response, { signal, maxBytes: MAX_PROFILE_BYTES, waitMs: MAX_WAIT_MS })) onPiece(piece);
    signal.throwIfAborted();
  }

  /** Commands take as long as they take, so whether the daemon answers at all is asked before. */
  async #checkAlive(): Promise<void> {
    const response = await this.#livez();
    await response.body?.cancel();
    const theirs = response.headers.get("daemonkit-protocol");
    if (theirs === String(PROTOCOL)) return;
    throw new CommandFailure(
      EXIT_CODES.failed,
      `Cannot use this command as both sides must speak the same protocol: this is daemonkit ${VERSION} with protocol ${PROTOCOL}, the daemon is ` +
        `${response.headers.get("daemonkit-version") ?? "of an unknown version"} with protocol ${theirs ?? "unknown"}; ` +
        `use the client of the daemon's version, or restart the daemon with this one: \`${this.#program} down\` works with every version`,
    );
  }

  async #livez(): Promise<Response> {
    const { HEALTH_ROUTES: { livez } } = await import("../control/routes/health.ts");
    return await this.#ask(livez.path, { method: livez.method });
  }

  /** Sends a request that is answered at once, or not at all. */
  async #ask(path: string, init: RequestInit): Promise<Response> {
    const controller = new AbortController();
    const timer = this.#host.clock.schedule(this.#answerMs, () => controller.abort("no answer"));
    try {
      return await this.#checked(await this.#send(path, { ...init, signal: controller.signal }));
    } catch (error) {
      if (!controller.signal.aborted) throw error;
      throw this.#noAnswer();
    } finally {
      timer[Symbol.dispose]();
    }
  }

  /** Sends a request that takes as long as it takes, and asks now and then whether the daemon lives. */
  async #sendLong(path: string, init: RequestInit): Promise<Response> {
    const given = new AbortController();
    const signal = init.signal ? AbortSignal.any([init.signal, given.signal]) : given.signal;
    let silent = 0;
    let timer: Disposable;
    const watch = () => {
      timer = this.#host.clock.schedule(WATCH_MS, () => {
        this.#livez().then((response) => response.body?.cancel()).then(
          () => silent = 0,
          (error) => {
            if (error instanceof CommandFailure && error.exitCode === EXIT_CODES.notAnswering && ++silent === MOST_SILENT) {
              given.abort(error);
            }
          },
        ).finally(() => isOver || watch());
      });
    };
    let isOver = false;
    watch();
    try {
      return await this.#checked(await this.#send(path, { ...init, signal }));
    } catch (error) {
      throw given.signal.aborted ? given.signal.reason : error;
    } finally {
      isOver = true;
      timer![Symbol.dispose]();
    }
  }

  async #post<B>(declaration: CommandRoute<B>, body: B): Promise<OutcomesAnswer> {
    const { method, path } = declaration;
    const init = { method, body: JSON.stringify(body), headers: { "content-type": "application/json" } };
    return await this.#read(await this.#sendLong(path, init), answerShape(declaration));
  }

  /** The items of a stream; `most` of them where it has an end. */
  async #readItems<T>(response: Response, shape: Shape<T>, onItem: OnItem<T>, most?: number): Promise<void> {
    let count = 0;
    await readLines(this.#pieces(response, { waitMs: most === undefined ? undefined : this.#answerMs }), (line) => {
      // In their midst there may be one that says how many are missing.
      if (most !== undefined && ++count > 2 * most + 1) throw this.#refused(`it must have at most ${most} lines`);
      return onItem(this.#parse(line, shape));
    });
  }

  /** The whole of an answer, of a certain shape. */
  async #read<T>(response: Response, shape: Shape<T>): Promise<T> {
    const decoder = new TextDecoder();
    let text = "";
    for await (const piece of this.#pieces(response, { maxBytes: MAX_ANSWER_BYTES, waitMs: this.#answerMs })) {
      text += decoder.decode(piece, { stream: true });
    }
    return this.#parse(text + decoder.decode(), shape);
  }

  #parse<T>(text: string, shape: Shape<T>): T {
    try {
      return parseAnswer(text, shape);
    } catch (error) {
      throw error instanceof AnswerRefused ? this.#refused(error.message) : error;
    }
  }

  /** Pieces of a body as they come. Where it has an end, each has to come within `waitMs`, and all of them within a minute of waiting. */
  async *#pieces(
    { body }: Response,
    { maxBytes = Infinity, waitMs, signal }: { maxBytes?: number; waitMs?: number | undefined; signal?: AbortSignal },
  ): AsyncGenerator<Uint8Array> {
    if (body === null) return;
    const { clock } = this.#host;
    const reader = body.getReader();
    const cancel = () => void reader.cancel().catch(() => {});
    signal?.addEventListener("abort", cancel, { once: true });
    let bytes = 0;
    let waitedMs = 0;
    try {
      while (!signal?.aborted) {
        const beganMs = clock.nowMs();
        let isLate = false;
        const timer = waitMs === undefined ? undefined : clock.schedule(Math.min(waitMs, Math.max(0, MAX_WAIT_MS - waitedMs)), () => {
          isLate = true;
          cancel();
        });
        const { done, value } = await reader.read().catch((error) => {
          if (isLate) throw this.#noAnswer();
          const why = `the connection to ${this.target.label} broke off: ${messageOf(error)}`;
          throw new CommandFailure(
            EXIT_CODES.failed,
            `Cannot read any further as ${why}; look whether it runs with \`${this.#program} status\``,
          );
        }).finally(() => timer?.[Symbol.dispose]());
        if (isLate) throw this.#noAnswer();
        if (done) return;
        waitedMs += clock.nowMs() - beganMs;
        bytes += value.length;
        if (bytes > maxBytes) throw this.#refused(`it must be at most ${maxBytes} bytes`);
        yield value;
      }
    } finally {
      signal?.removeEventListener("abort", cancel);
      cancel();
    }
  }

  #noAnswer(): CommandFailure {
    const { label, socket } = this.target;
    const why = `it must answer within ${this.#answerMs / 1_000} s: it is there (${socket}) but does not`;
    return new CommandFailure(EXIT_CODES.notAnswering, `Cannot reach ${label} as ${why}; look at its log, or end its process`);
  }

  /** Somebody else answers on the socket, or a daemon that is not well. */
  #refused(why: string): CommandFailure {
    const { label, socket } = this.target;
    return new CommandFailure(EXIT_CODES.notAnswering, `Cannot use the answer of ${label} as ${why}; look who listens on ${socket}`);
  }

  /** Sends a request. A daemon that lives without a socket is just opening it, or makes it anew after somebody has removed it. */
  async #send(path: string, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set("daemonkit-protocol", String(PROTOCOL));
    const { http, clock } = this.#host;
    for (const endMs = clock.nowMs() + this.#answerMs * SOCKET_SHARE;;) {
      try {
        // A daemon sends nobody elsewhere.
        return await http.request({ unix: this.target.socket }, path, { ...init, headers, redirect: "manual" });
      } catch (error) {
        if (!isDaemonError(error)) throw error;
        const pid = this.#pid();
        const isKept = error.code === "IO_DENIED" && pid !== undefined;
        if (!isKept && error.code !== "IO_NOT_FOUND" && error.code !== "IO_REFUSED") {
          const exitCode = error.code === "IO_FAILED" ? EXIT_CODES.notAnswering : EXIT_CODES.failed;
          throw new CommandFailure(exitCode, `Cannot reach ${this.target.label} on ${this.target.socket}: ${messageOf(error)}`);
        }
        if (pid === undefined) throw this.#noDaemon(error.code);
        const obstacle = this.#obstacle();
        if (isKept || obstacle !== undefined || clock.nowMs() >= endMs) throw this.#noSocket(pid, obstacle ?? messageOf(error));
        await sleep(clock, LOOK_MS, init.signal ? { signal: init.signal } : {});
      }
    }
  }

  #noDaemon(code: string): CommandFailure {
    const { label, socket } = this.target;
    const why = code === "IO_NOT_FOUND" ? "there is no socket" : "nobody listens on the socket that was left";
    return new CommandFailure(
      EXIT_CODES.noDaemon,
      `Cannot reach ${label} as no daemon runs: ${why} ${socket}; start it with \`${this.#program} run\``,
    );
  }

  /** Describes the obstacle in the place of the socket's folder, where that is why the daemon can't make its socket anew. */
  #obstacle(): string | undefined {
    const { files } = this.#host;
    for (let folder = folderOf(this.target.socket); folder !== "/"; folder = folderOf(folder)) {
      try {
        const info = files.info(folder);
        if (info !== undefined && info.kind !== "directory") {
          return `${folder} must be a folder and something else stands there, so that it can't make its socket anew: move that away`;
        }
      } catch (error) {
        if (!isDaemonError(error)) throw error;
        // A folder that can't be looked at is refused by the folder above it.
      }
    }
    return undefined;
  }

  #noSocket(pid: number, why: string): NoSocketFailure {
    const { label, socket } = this.target;
    return new NoSocketFailure(
      EXIT_CODES.notAnswering,
      `Cannot reach ${label} on ${socket}, though it lives as process ${pid}: ${why}; or stop it with \`${this.#program} down\`, which needs no ` +
        `socket, or \`kill -TERM ${pid}\``,
    );
  }

  /** The response, or the failure that it tells of. */
  async #checked(response: Response): Promise<Response> {
    if (response.ok) return response;
    const made = await this.#read(response, PROBLEM).catch((error) => {
      if (!(error instanceof CommandFailure)) throw error;
      throw this.#refused(`its status must be a daemon's: current status is ${response.status}`);
    });
    const { detail, hint, issues = [] } = made;
    const message = oneLine(hint === undefined ? detail : `${detail}; ${hint}`);
    throw new CommandFailure(exitCodeFor(made), message + issues.map((issue) => `\n  ${oneLine(formatIssue(issue))}`).join(""));
  }
}

/** No answer of another process looks like a message of ours. */
function oneLine(text: string): string {
  return text.replace(/\s*[\r\n]\s*/g, " ");
}

function exitCodeFor({ code, status }: { code: string; status: number }): number {
  if (code === "SUBSYSTEM_UNKNOWN") return EXIT_CODES.unknownName;
  if (code === "TIMEOUT") return EXIT_CODES.timeout;
  if (code === "RUNTIME_PANIC") return EXIT_CODES.internal;
  return status === 422 ? EXIT_CODES.config : EXIT_CODES.failed;
}

/** Passes over events of a newer daemon that nothing is known of here. */
function known(onEvent: OnEvent): OnEvent {
  return (event) => "dropped" in event || isKnownEvent(event) ? onEvent(event) : undefined;
}

/** Lets through the lines that match: of the `first` ones, which were there before, the newest `limit`. */
function matching(
  pattern: RegExp,
  { first, limit, onLine, onFew }: { first: number; limit: number; onLine: OnLine; onFew: () => void },
): OnLine {
  const isWanted = (line: LogLine | Dropped) => "dropped" in line || pattern.test(line.text);
  const found: (LogLine | Dropped)[] = [];
  let count = 0;
  return (line) => {
    if (++count > first) return isWanted(line) ? onLine(line) : undefined;
    if (isWanted(line)) found.push(line);
    if (found.length > limit) found.shift();
    if (count < first) return undefined;
    if (found.length < limit) onFew();
    return found.every((each) => onLine(each) !== false) ? undefined : false;
  };
}

/** Hands over lines as they come; resolves at their end or after one that was wanted as the last, rejects when they break off. */
async function readLines(pieces: AsyncIterable<Uint8Array>, onLine: OnItem<string>): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const piece of pieces) {
    const lines = (rest + decoder.decode(piece, { stream: true })).split("\n");
    rest = lines.pop()!;
    // It is cut in the midst of its JSON, and refused as such.
    if (rest.length > MAX_LINE_LENGTH) return void onLine(rest.slice(0, MAX_LINE_LENGTH));
    for (const line of lines) {
      if (line !== "" && onLine(line) === false) return;
    }
  }
  if (rest !== "") onLine(rest);
}
