import { formatTcpAddress, parseTcpAddress, type TcpAddress } from "./tcp_address.ts";
import { type Clock, sleep } from "../core/ports/clock.ts";
import { formatDuration } from "../core/values/duration.ts";
import { isDaemonError, messageOf } from "../core/values/errors.ts";
import type { Host } from "../core/ports/host.ts";
import type { SpawnOptions } from "../core/ports/processes.ts";
import { plain } from "../core/values/terminal_text.ts";
import { expand, type Placeholders } from "./environment.ts";
import { describeExit } from "./exit.ts";
import type { Neighbours } from "./neighbours.ts";
import { afterPatience } from "./patience.ts";
import { ProcessGroup } from "./process_group.ts";
import type { ProbeSpec, ProbeTarget } from "./spec.ts";

/** Answer of one attempt: undefined when the service is ready, else why it is not, in a few words. */
export type ProbeAnswer = string | undefined;

/** One attempt; it ends soon after `signal` aborts, by whatever answer or rejection. Before that it may tell what it waits for. */
export type Probe = (signal: AbortSignal, tell: (waitsFor: string) => void) => Promise<ProbeAnswer>;

/** Longest time that one attempt may take. */
const ATTEMPT_TIMEOUT_MS = 5_000;
/** Time after which an attempt is told of before it has ended: until then, the answer before it says more. */
export const SLOW_MS: number = 500;
/** First wait of probes that cost next to nothing; it doubles up to the probe's own rhythm, so that a quick start is seen quickly. */
const FIRST_WAIT_MS = 25;

/** Dependencies of {@linkcode createProbe} beside the target. */
export interface ProbeSurroundings extends Placeholders {
  /** Connects, requests and spawns. */
  host: Host;
  /** Looks at what a command leaves running. */
  neighbours: Neighbours;
  /** How the service itself is started, without its argv: an exec probe sees the same world. */
  launch: Omit<SpawnOptions, "argv">;
}

/** Checks as much of a target as can be checked before anything runs; throws where its address or pattern is none. */
export function checkTarget(target: ProbeTarget, placeholders: Placeholders): void {
  if (target.kind === "tcp") parseTcpAddress(expand(target.address, placeholders));
  else if (target.kind === "http") parseHttpUrl(expand(target.url, placeholders));
  else if (target.kind === "log") linePattern(target, placeholders);
}

/** Whether a probe will take a target, once `{port}` and `{instance}` are numbers. */
export function isTarget(target: ProbeTarget, placeholders: Placeholders = { port: 1, instance: 1 }): boolean {
  try {
    checkTarget(target, placeholders);
    return true;
  } catch {
    return false;
  }
}

/** The pattern of a log probe. */
export function linePattern(target: { pattern: string }, placeholders: Placeholders): RegExp {
  return new RegExp(expand(target.pattern, placeholders));
}

/** Makes the probe of a target, for all but those that wait for something instead of asking. */
export function createProbe(target: Exclude<ProbeTarget, { kind: "log" | "alive" }>, options: ProbeSurroundings): Probe {
  if (target.kind === "tcp") return tcpProbe(parseTcpAddress(expand(target.address, options)), options.host);
  if (target.kind === "http") return httpProbe(parseHttpUrl(expand(target.url, options)), options.host);
  const argv = typeof target.run === "string" ? expand(target.run, options) : target.run.map((word) => expand(word, options));
  return execProbe({ ...options.launch, argv: commandArgv(argv) }, options);
}

/** Where a probe connects to; undefined for those that do not. */
export function addressOf(target: ProbeTarget, placeholders: Placeholders): TcpAddress | undefined {
  if (target.kind === "tcp") return parseTcpAddress(expand(target.address, placeholders));
  return target.kind === "http" ? addressOfUrl(parseHttpUrl(expand(target.url, placeholders))) : undefined;
}

/** Options of {@linkcode untilReady}. */
export interface UntilReadyOptions {
  /** Times attempts and the waits between them. */
  clock: Clock;
  /** The rhythm. */
  spec: ProbeSpec;
  /** Ends the probing. */
  signal: AbortSignal;
  /** Told why an attempt failed. */
  onAnswer: (answer: string) => void;
}

/**
 * Asks again and again, one attempt at a time. Resolves with true when the answer is that the service is ready, with false soon after
 * `signal` has aborted; nothing of the probing is left then.
 */
export async function untilReady(probe: Probe, options: UntilReadyOptions): Promise<boolean> {
  const { clock, spec, signal, onAnswer } = options;
  let waitMs = spec.target.kind === "exec" ? spec.everyMs : Math.min(FIRST_WAIT_MS, spec.everyMs);
  let before: string | undefined;
  const tellSlow = () => onAnswer(before === undefined ? "no answer so far" : `no answer so far; before that: ${before}`);
  while (!signal.aborted) {
    const slow = clock.schedule(SLOW_MS, tellSlow);
    const tell = (waitsFor: string) => {
      slow[Symbol.dispose]();
      onAnswer(waitsFor);
    };
    const answer = await attempt((each) => probe(each, tell), clock, signal);
    slow[Symbol.dispose]();
    if (signal.aborted) break;
    if (answer === undefined) return true;
    onAnswer(before = answer);
    await sleep(clock, waitMs, { signal }).catch(() => {/* aborted: the loop ends */});
    waitMs = Math.min(spec.everyMs, waitMs * 2);
  }
  return false;
}

/** One attempt within its time; what it throws is an answer, because a service that is not up yet refuses in many ways. */
async function attempt(probe: (signal: AbortSignal) => Promise<ProbeAnswer>, clock: Clock, signal: AbortSignal): Promise<ProbeAnswer> {
  const controller = new AbortController();
  const onAbort = () => controller.abort(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  using _timer = clock.schedule(ATTEMPT_TIMEOUT_MS, () => controller.abort(`no answer within ${formatDuration(ATTEMPT_TIMEOUT_MS)}`));
  try {
    return await probe(controller.signal);
  } catch (error) {
    return controller.signal.aborted ? messageOf(controller.signal.reason) : failureOf(error);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** Words a failure; the most frequent one gets the usual words. */
function failureOf(error: unknown): string {
  const { address } = (isDaemonError(error) && error.code === "IO_REFUSED" ? error.context ?? {} : {}) as { address?: TcpAddress };
  return address === undefined ? messageOf(error) : `connection refused by ${formatTcpAddress(address)}`;
}

/** `["sh", "-c", text]` for a text, whose lines end as a shell needs it whoever wrote them; the words themselves otherwise. */
export function commandArgv(run: string | readonly string[]): readonly string[] {
  return typeof run === "string" ? ["/bin/sh", "-c", run.replaceAll("\r\n", "\n")] : run;
}

function parseHttpUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // A name and a password would not be sent, and would show in `status`.
  if (url?.protocol !== "http:" || url.username !== "" || url.password !== "") {
    throw new RangeError(
      `Cannot probe by http as the address must be a http:// URL without name and password: current value is "${
        text.replace(/\/\/[^/]*@/, "//…@")
      }"`,
    );
  }
  return url;
}

function addressOfUrl({ hostname, port }: URL): TcpAddress {
  return { hostname: hostname.replace(/^\[(.*)\]$/, "$1"), port: Number(port || 80) };
}

function tcpProbe(address: TcpAddress, host: Host): Probe {
  return async (signal) => {
    await host.http.connect(address, { signal });
    return undefined;
  };
}

function httpProbe(url: URL, host: Host): Probe {
  const address = addressOfUrl(url);
  return async (signal) => {
    const response = await host.http.request(address, url.pathname + url.search, { signal, redirect: "manual" });
    await response.body?.cancel();
    return response.status >= 200 && response.status < 400 ? undefined : `HTTP ${response.status} from ${url.href}`;
  };
}

function execProbe(launch: SpawnOptions, { host, neighbours }: ProbeSurroundings): Probe {
  const { processes, clock } = host;
  return async (signal) => {
    const child = await processes.spawn({ ...launch, signal });
    // Processes that the command leaves running must neither pile up with each attempt nor outlive the service.
    const group = new ProcessGroup(child, {
      processes,
      neighbours,
      clock,
      stopSignal: "SIGKILL",
      stopTimeoutMs: 1_000,
      killMode: "group",
      onTrouble: () => {}, // a signal that was refused shows in the answer, which does not come in time
    });
    const outputs = [lastLineOf(child.stdout, clock), lastLineOf(child.stderr, clock)];
    const kill = () => group.kill();
    if (signal.aborted) kill();
    signal.addEventListener("abort", kill, { once: true });
    try {
      const status = await group.ended();
      if (status.code === 0) return undefined;
      // Most programs say why on stderr.
      const lines = await Promise.all(outputs.map((output) => output.finish(LAST_LINE_MS)));
      const line = lines.reverse().find((text) => text !== "");
      return `${launch.argv.join(" ")} ${describeExit(status)}${line === undefined ? "" : `: ${line}`}`;
    } finally {
      signal.removeEventListener("abort", kill);
      await Promise.all(outputs.map((output) => output.finish(0)));
    }
  };
}

/** Time that the last line of a command that has ended may take to arrive. */
const LAST_LINE_MS = 200;
/** Bytes of an output that are kept, of which its last line is made. */
const TAIL_BYTES = 512;

/** Reads a stream and forgets all but its end, so that a talkative command never blocks on a full pipe. */
function lastLineOf(stream: ReadableStream<Uint8Array>, clock: Clock): { finish(patienceMs: number): Promise<string> } {
  const reader = stream.getReader();
  let tail = new Uint8Array();
  const pump = (async () => {
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      const { value } = piece;
      const kept = value.length >= TAIL_BYTES ? 0 : Math.min(tail.length, TAIL_BYTES - value.length);
      const next = new Uint8Array(kept + Math.min(value.length, TAIL_BYTES));
      next.set(tail.subarray(tail.length - kept));
      next.set(value.subarray(Math.max(0, value.length - TAIL_BYTES)), kept);
      tail = next;
    }
  })().catch(() => {/* a broken pipe of an output that nobody needs changes nothing */});
  let end: Promise<string> | undefined;
  const finish = async (patienceMs: number) => {
    const cancel = () => void reader.cancel().catch(() => {/* likewise */});
    // A process that has left the command's group may hold the pipe for ever.
    using _patience = patienceMs === 0 ? undefined : afterPatience(clock, patienceMs, cancel);
    if (patienceMs === 0) cancel();
    await pump;
    return plain(new TextDecoder().decode(tail)).split("\n").map((line) => line.trim()).findLast((line) => line !== "") ?? "";
  };
  return { finish: (patienceMs) => end ??= finish(patienceMs) };
}
