import type { OutcomesAnswer, Problem, StatusAnswer } from "../control/mod.ts";
import { sleep } from "../core/clock.ts";
import { formatIssue, isDaemonError, messageOf } from "../core/errors.ts";
import { EXIT_CODES } from "../core/exit_codes.ts";
import type { Host, SignalName } from "../core/host.ts";
import type { LogLine, ReloadAnswer, WaitGoal } from "../core/operations.ts";
import { parsePattern } from "../control/pattern.ts";
import { PROTOCOL, VERSION } from "../daemon/version.ts";
import { CommandFailure } from "./failure.ts";
import type { Target } from "./find.ts";

/** A daemon that has not answered within this time is there but not answering. */
const ANSWER_MS = 5_000;
/** Between two tries of a daemon that lives and has no socket. */
const LOOK_MS = 20;

/** Most lines that a daemon gives of what is there. */
const MAX_LINES = 10_000;
/** Lines that are shown where nothing is said. */
const DEFAULT_LINES = 100;
/** Letters that mean something in an expression. */
const EXPRESSION = /[\\^$.*+?()[\]{}|]/;

/** Takes a line; false ends the reading. */
type OnLine = (line: string) => boolean | void;

/** Options of a {@linkcode Client}. */
export interface ClientOptions {
  /** How long a daemon may take to answer, in milliseconds. @default {5_000} */
  answerMs?: number;
  /** Name of the program, in what it says to do. @default {"daemonkit"} */
  program?: string;
  /** Whether the daemon lives, be its socket there or not. @default {() => false} */
  isAlive?: () => boolean;
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

/** Talks to a daemon over its control socket. Failures are {@linkcode CommandFailure}s with the documented codes. */
export class Client {
  readonly #host: Pick<Host, "http" | "clock">;
  readonly #answerMs: number;
  readonly #program: string;
  readonly #isAlive: () => boolean;
  /** The daemon. */
  readonly target: Target;

  /** Creates a client; nothing is sent yet. */
  constructor(host: Pick<Host, "http" | "clock">, target: Target, options: ClientOptions = {}) {
    const { answerMs = ANSWER_MS, program = "daemonkit", isAlive = () => false } = options;
    this.#host = host;
    this.#answerMs = answerMs;
    this.#program = program;
    this.#isAlive = isAlive;
    this.target = target;
  }

  /** What is known of the daemon, with all units or those that the patterns match. Works with every version. */
  async status(patterns: readonly string[] = []): Promise<StatusAnswer> {
    const response = await this.#ask(`/v1/status${query(patterns.map((pattern) => ["name", pattern]))}`, { method: "GET" });
    return await response.json();
  }

  /** Begins to stop the daemon. Works with every version. */
  async shutdown(): Promise<void> {
    const response = await this.#ask("/v1/stop", { method: "POST" });
    await response.body?.cancel();
  }

  /** Starts, stops or restarts units; returns when their state has changed, however long that takes. */
  async command(verb: "start" | "stop" | "restart", names: readonly string[], timeout?: string): Promise<OutcomesAnswer> {
    await this.#checkAlive();
    return await this.#post(`/v1/services/${verb}`, { names, ...(timeout === undefined ? {} : { timeout }) });
  }

  /** Lets the daemon read its configuration again and apply it, or say what that would do; returns when what it touches has changed. */
  async reload(options: { dryRun: boolean; timeout?: string }): Promise<ReloadAnswer> {
    await this.#checkAlive();
    const { dryRun, timeout } = options;
    const parts: [string, string][] = [["dryRun", dryRun ? "1" : "0"]];
    if (timeout !== undefined) parts.push(["timeout", timeout]);
    return await (await this.#checked(await this.#send(`/v1/reload${query(parts)}`, { method: "POST" }))).json();
  }

  /** Sends a signal to the process groups of services. */
  async signal(signal: SignalName, names: readonly string[]): Promise<OutcomesAnswer> {
    await this.#checkAlive();
    return await this.#post("/v1/services/signal", { names, signal });
  }

  /** Waits until all units are where `goal` says, at most `timeout` long; answers who is not. */
  async wait(patterns: readonly string[], goal: WaitGoal, timeout?: string): Promise<OutcomesAnswer> {
    await this.#checkAlive();
    const parts: [string, string][] = patterns.map((pattern) => ["name", pattern]);
    parts.push(["for", goal]);
    if (timeout !== undefined) parts.push(["timeout", timeout]);
    const response = await this.#send(`/v1/wait${query(parts)}`, { method: "GET" });
    return await (await this.#checked(response)).json();
  }

  /**
   * Hands over lines that units printed, each a JSON text, until they or the daemon end; resolves with how many units the patterns matched.
   * `onCut` is called first when there were older ones, with the time from which on the daemon has them all.
   */
  async logs(patterns: readonly string[], options: LogOptions, onLine: OnLine, onCut: (keptFrom: string) => void): Promise<number> {
    await this.#checkAlive();
    const parts: [string, string][] = patterns.map((pattern) => ["name", pattern]);
    const { lines, follow, since, grep } = options;
    if (follow) parts.push(["follow", "1"]);
    if (since !== undefined) parts.push(["since", since]);
    // A plain text is looked for by the daemon. An expression is tried here, as a slow one keeps only this command from its work.
    const isText = grep !== undefined && !EXPRESSION.test(grep);
    if (isText) parts.push(["contains", grep]);
    const pattern = grep === undefined || isText ? undefined : parsePattern(grep);
    const asked = pattern === undefined ? lines : MAX_LINES;
    if (asked !== undefined) parts.push(["n", String(asked)]);
    const response = await this.#checked(await this.#send(`/v1/logs${query(parts)}`, { headers: { accept: "application/x-ndjson" } }));
    const keptFrom = response.headers.get("daemonkit-kept-from");
    const first = Number(response.headers.get("daemonkit-first") ?? 0);
    const limit = lines ?? (since === undefined ? DEFAULT_LINES : MAX_LINES);
    const take = pattern === undefined
      ? onLine
      : matching(pattern, { first, limit, onLine, onFew: () => keptFrom !== null && onCut(keptFrom) });
    if (pattern === undefined && keptFrom !== null) onCut(keptFrom);
    await this.#readToEnd(response, take);
    return Number(response.headers.get("daemonkit-matched") ?? 0);
  }

  /** Hands over the events that the daemon still has, each a JSON text, then those that follow until the daemon's end. */
  async pastEvents(options: { follow: boolean }, onLine: OnLine): Promise<void> {
    const path = `/v1/events${query([["n", "10000"], ["follow", options.follow ? "1" : "0"]])}`;
    await this.#readToEnd(await this.#ask(path, { headers: { accept: "application/x-ndjson" } }), onLine);
  }

  /** Subscribes to events, each a JSON text; `ended` resolves when the daemon's side has ended, however it did, or the signal has ended ours. */
  async events(onLine: OnLine, signal: AbortSignal): Promise<{ ended: Promise<void> }> {
    const response = await this.#ask("/v1/events", { headers: { accept: "application/x-ndjson" } });
    // A daemon that dies in the middle has ended too: what it did not say is what there is to tell.
    return { ended: readLines(response, onLine, signal).catch(() => {}) };
  }

  /** Lets the daemon profile itself, and hands over the pieces of the file; resolves when it is whole. */
  async profile(kind: "cpu" | "heap", seconds: number | undefined, options: ProfileOptions): Promise<void> {
    await this.#checkAlive();
    const path = `/v1/profile/${kind}${query(seconds === undefined ? [] : [["seconds", String(seconds)]])}`;
    const response = await this.#checked(await this.#send(path, { method: "POST", signal: options.signal }));
    const reader = response.body!.getReader();
    const cancel = () => void reader.cancel().catch(() => {});
    options.signal.addEventListener("abort", cancel, { once: true });
    try {
      while (true) {
        const { done, value } = await reader.read().catch((error) => {
          const why = `the connection to ${this.target.label} broke off: ${messageOf(error)}`;
          throw new CommandFailure(EXIT_CODES.failed, `Cannot take the profile as ${why}`);
        });
        options.signal.throwIfAborted();
        if (done) return;
        options.onPiece(value);
      }
    } finally {
      options.signal.removeEventListener("abort", cancel);
      cancel();
    }
  }

  /** Commands take as long as they take, so whether the daemon answers at all is asked before. */
  async #checkAlive(): Promise<void> {
    const response = await this.#ask("/livez", { method: "GET" });
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

  /** Sends a request that is answered at once, or not at all. */
  async #ask(path: string, init: RequestInit): Promise<Response> {
    const controller = new AbortController();
    const timer = this.#host.clock.schedule(this.#answerMs, () => controller.abort("no answer"));
    try {
      return await this.#checked(await this.#send(path, { ...init, signal: controller.signal }));
    } catch (error) {
      if (!controller.signal.aborted) throw error;
      throw new CommandFailure(
        EXIT_CODES.notAnswering,
        `Cannot reach ${this.target.label} as it must answer within ${
          this.#answerMs / 1_000
        } s: it is there (${this.target.socket}) but does not; ` +
          "look at its log, or end its process",
      );
    } finally {
      timer[Symbol.dispose]();
    }
  }

  async #post(path: string, body: unknown): Promise<OutcomesAnswer> {
    const init = { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } };
    return await (await this.#checked(await this.#send(path, init))).json();
  }

  async #readToEnd(response: Response, onLine: OnLine): Promise<void> {
    try {
      await readLines(response, onLine);
    } catch (error) {
      const why = `Cannot read any further as the connection to ${this.target.label} broke off: ${messageOf(error)}`;
      throw new CommandFailure(EXIT_CODES.failed, `${why}; look whether it runs with \`${this.#program} status\``);
    }
  }

  /** Sends a request. A daemon that lives without a socket is just opening it, or makes it anew after somebody has removed it. */
  async #send(path: string, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set("daemonkit-protocol", String(PROTOCOL));
    const { http, clock } = this.#host;
    for (const endMs = clock.nowMs() + this.#answerMs;;) {
      try {
        return await http.request({ unix: this.target.socket }, path, { ...init, headers });
      } catch (error) {
        if (!isDaemonError(error)) throw error;
        if (error.code !== "IO_NOT_FOUND" && error.code !== "IO_REFUSED") {
          throw new CommandFailure(EXIT_CODES.failed, `Cannot reach ${this.target.label} on ${this.target.socket}: ${messageOf(error)}`);
        }
        if (!this.#isAlive()) throw this.#noDaemon(error.code);
        if (clock.nowMs() >= endMs) throw this.#noSocket();
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

  #noSocket(): CommandFailure {
    const { label, socket } = this.target;
    return new CommandFailure(
      EXIT_CODES.notAnswering,
      `Cannot reach ${label} as it lives, but does not answer on ${socket}: it does not make its socket anew; see its log, or kill it and ` +
        `let \`${this.#program} up\` end what it leaves`,
    );
  }

  /** The response, or the failure that it tells of. */
  async #checked(response: Response): Promise<Response> {
    if (response.ok) return response;
    let made: Partial<Problem> = {};
    try {
      made = await response.json();
    } catch {
      // Not ours: the status has to do.
    }
    const detail = made.detail ??
      `Cannot use the answer of ${this.target.socket} as it must be a daemon's: current status is ${response.status}`;
    const issues = (made.issues ?? []).map((issue) => `\n  ${formatIssue(issue)}`).join("");
    throw new CommandFailure(exitCodeFor(made), detail + (made.hint === undefined ? "" : `; ${made.hint}`) + issues);
  }
}

function exitCodeFor({ code, status }: Partial<Problem>): number {
  if (code === "SUBSYSTEM_UNKNOWN") return EXIT_CODES.unknownName;
  if (code === "TIMEOUT") return EXIT_CODES.timeout;
  if (code === "RUNTIME_PANIC") return EXIT_CODES.internal;
  return status === 422 ? EXIT_CODES.config : EXIT_CODES.failed;
}

function query(parts: readonly (readonly [string, string])[]): string {
  return parts.length === 0 ? "" : `?${parts.map(([key, value]) => `${key}=${encodeURIComponent(value)}`).join("&")}`;
}

/** Lets through the lines that match: of the `first` ones, which were there before, the newest `limit`. */
function matching(
  pattern: RegExp,
  { first, limit, onLine, onFew }: { first: number; limit: number; onLine: OnLine; onFew: () => void },
): OnLine {
  const isWanted = (line: string) => {
    const { text } = JSON.parse(line) as Partial<LogLine>;
    return text === undefined || pattern.test(text);
  };
  const found: string[] = [];
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

/** Hands over the lines of an answer as they come; resolves at its end, rejects when it breaks off. */
async function readLines(response: Response, onLine: OnLine, signal?: AbortSignal): Promise<void> {
  if (response.body === null) return;
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  const cancel = () => void reader.cancel().catch(() => {});
  signal?.addEventListener("abort", cancel, { once: true });
  let rest = "";
  try {
    while (true) {
      const { done, value } = await reader.read();
      if (done) break;
      const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
      rest = lines.pop()!;
      for (const line of lines) {
        if (line !== "" && onLine(line) === false) return;
      }
    }
    if (rest !== "") onLine(rest);
  } finally {
    signal?.removeEventListener("abort", cancel);
    cancel();
  }
}
