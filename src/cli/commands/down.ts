import { sleep } from "../../core/ports/clock.ts";
import { formatDuration } from "../../core/values/duration.ts";
import { type DaemonEvent, type Survivor, survivorsText } from "../../core/supervise/event.ts";
import { EXIT_CODES } from "../../core/values/exit_codes.ts";
import type { Host } from "../../core/ports/host.ts";
import type { DaemonStatus } from "../../core/supervise/operations.ts";
import { isGoneState, type State } from "../../core/supervise/state.ts";
import { endWhatIsLeft, hasDied } from "../../leftover/clean_up.ts";
import { endGuardians, type Guardian, guardiansOf } from "../../instance/guardian.ts";
import { type InstanceRecord, isHeld } from "../../instance/instance.ts";
import { PROTOCOL } from "../../instance/version.ts";
import { abortAfter } from "../abort_after.ts";
import type { CommandBody, CommandContext, CommandOptions } from "../command.ts";
import { connect } from "../connect.ts";
import { type Client, NoSocketFailure } from "../client.ts";
import { CommandFailure, exitCodeForError } from "../failure.ts";
import { instanceOf, isAlive } from "../find.ts";

const LOOK_MS = 5;
/** Between two looks at all that lives. */
const LOOK_ROUND_MS = 100;
/** How long something may take that is as good as done. */
const MOMENT_MS = 2_000;

/** How long a guardian that was told to end may go on without a daemon of its own. */
const MOST_GUARDED_MS = 60_000;

/** One `down`: what it is about, and how long it may take. */
interface Work {
  context: CommandContext;
  options: CommandOptions;
  client: Client;
  guardians: readonly Guardian[];
  /** Its end is that of `--timeout`. */
  patience: AbortController;
}

/** Stops the daemon, waits until it is gone, and says how it went. */
export const down: CommandBody = async (context, _args, options) => {
  const { host } = context;
  const client = await connect(context, options, { isDeadFine: true });
  const guardians = guardiansOf(client.target, host);
  const patience = new AbortController();
  using _timer = abortAfter(options.timeout, patience, host.clock);
  const work: Work = { context, options, client, guardians, patience };
  for (let isFirst = true;; isFirst = false) {
    const isGuarded = guardians.some(({ identity }) => host.processes.isAlive(identity));
    const isRunning = isAlive(client.target, host);
    // Where nothing is left of one that ran, there is as little to do as after a daemon that had died.
    const isDead = !isRunning && (isGuarded || !isFirst || hasDied(client.target, host));
    const code = isDead ? await clearUp(work) : await stopDaemon(work);
    if (code !== undefined) return code;
    // Its guardian had started another daemon before it was told to end.
  }
};

/** Stops a daemon that lives; undefined where another one has come in its place. */
async function stopDaemon(work: Work): Promise<number | undefined> {
  const { context, options, client, patience } = work;
  const { host, output } = context;
  const beganMs = host.clock.nowMs();
  const before = await client.status().catch((error) => {
    if (error instanceof NoSocketFailure) return undefined;
    throw error;
  });
  if (before === undefined) return await downBySignal(work);
  const ending = new Ending(before);
  const record = instanceOf(client.target, host);
  // A daemon of another protocol gives no events: that it is gone is all that is known then.
  const isSame = before.protocol === PROTOCOL;
  const events = isSame ? await client.events((event) => "dropped" in event || ending.note(event), patience.signal) : undefined;
  await client.shutdown().catch(async (error) => {
    // Killed before it could answer, it is gone all the same; one that somebody else stops closes its socket before it goes.
    if (error instanceof CommandFailure && error.exitCode === EXIT_CODES.noDaemon) return;
    // The connection of a process that dies is closed before the process is gone.
    for (const endMs = host.clock.nowMs() + MOMENT_MS; isAlive(client.target, host);) {
      if (host.clock.nowMs() >= endMs) throw error;
      await sleep(host.clock, LOOK_MS);
    }
  });
  const gone = (events?.ended ?? Promise.resolve()).then(() => untilAllGone(record, work));
  const over = new AbortController();
  let isSilent = false;
  untilSilent(client, host, over.signal).then(() => {
    isSilent = true;
    patience.abort("silent");
  }, () => {/* it has gone before that */});
  const outcome = await output.waitFor(`stopping ${before.name}`, gone).finally(() => over.abort());
  const tookMs = host.clock.nowMs() - beganMs;
  const who = `${before.name} (pid ${before.pid})`;
  if (isSilent) {
    throw new CommandFailure(
      EXIT_CODES.notAnswering,
      `Cannot wait any longer for ${who} as it lives and has not answered for a minute: end it with \`kill -9 ${before.pid}\`, then ` +
        `\`${context.program} down\` ends what it leaves`,
    );
  }
  if (outcome === "late") throw stillStopping(who, options);
  if (outcome === "another") {
    output.note(`${who} ended ${ending.isComplete ? "" : "without a report "}and its guardian had started another one`);
    return undefined;
  }
  const unstopped = isSame ? ending.unstopped() : [];
  const how = ending.isForced ? "was forced to stop" : ending.isComplete || !isSame ? "stopped" : "ended without a report";
  const { killed, survivors } = ending;
  const isClean = how === "stopped" && unstopped.length === 0 && killed.length === 0 && survivors.length === 0;
  // A daemon that was killed on its way did not stop its services.
  const { said } = hasDied(client.target, host) ? await endWhatIsLeft(client.target, host, configOf(context, options)) : { said: [] };
  if (options.json) {
    output.printJson({
      v: 1,
      ok: isClean,
      name: before.name,
      pid: before.pid,
      how,
      unstopped,
      killed,
      survivors,
      left: said,
      tookMs: Math.round(tookMs),
    });
  } else {
    output.print(`${who} ${output.paint(how, isClean ? "green" : "red")} after ${formatDuration(tookMs)}`);
    if (unstopped.length > 0) output.print(`did not stop in their time: ${unstopped.join(", ")}`);
    if (killed.length > 0) output.print(`killed, as they did not stop in their time: ${killed.join(", ")}`);
    if (survivors.length > 0) output.print(`could not be killed and lives on: ${survivorsText(survivors)}`);
    for (const text of said) output.print(text);
  }
  return isClean ? EXIT_CODES.ok : EXIT_CODES.failed;
}

/** A daemon whose socket nobody can reach hears SIGTERM as it does the command; only how it went is not told. */
async function downBySignal(work: Work): Promise<number | undefined> {
  const { context: { host, output }, options, client: { target } } = work;
  const beganMs = host.clock.nowMs();
  const record = instanceOf(target, host);
  if (record !== undefined) host.processes.signal(record.pid, "SIGTERM");
  const outcome = await output.waitFor(`stopping ${target.label}`, untilAllGone(record, work));
  const who = `${target.label} (pid ${record?.pid ?? "unknown"})`;
  if (outcome === "late") throw stillStopping(who, options);
  if (outcome === "another") return undefined;
  const tookMs = host.clock.nowMs() - beganMs;
  if (options.json) {
    const pid = record?.pid ?? null;
    output.printJson({
      v: 1,
      ok: true,
      name: target.label,
      pid,
      how: "ended by SIGTERM",
      unstopped: [],
      left: [],
      tookMs: Math.round(tookMs),
    });
  } else {
    output.print(
      `${who} ended after ${formatDuration(tookMs)}, by SIGTERM as its socket can't be reached; its log says how its services stopped`,
    );
  }
  return EXIT_CODES.ok;
}

/** Waits until a daemon is gone, and its guardians after it, unless one has started another; late is where patience ends before that. */
async function untilAllGone(record: InstanceRecord | undefined, work: Work): Promise<"gone" | "another" | "late"> {
  const { context: { host }, patience: { signal } } = work;
  try {
    await untilGone(record, host, signal);
    // It ends with its daemon; one whose daemon was killed would start another.
    return await untilUnguarded(work) ? "gone" : "another";
  } catch (error) {
    if (!signal.aborted) throw error;
    return "late";
  }
}

/**
 * Ends the guardians; false where a daemon lives by then that one of them has started. That daemon has been told by its guardian, if it was
 * told in time: a moment is left for that, as a second request would take its services the time that they have.
 */
async function untilUnguarded({ context: { host, program }, client: { target }, guardians, patience: { signal } }: Work): Promise<boolean> {
  const { clock } = host;
  const beganMs = clock.nowMs();
  let seenMs: number | undefined;
  let nextMs = beganMs;
  const isThereAnother = () => {
    const nowMs = clock.nowMs();
    if (nowMs < nextMs) return false;
    nextMs = nowMs + LOOK_ROUND_MS;
    seenMs = isAlive(target, host) ? seenMs ?? nowMs : undefined;
    if (seenMs === undefined && nowMs - beganMs > MOST_GUARDED_MS) {
      const pids = guardians.map(({ identity: { pid } }) => pid).join(" ");
      throw new CommandFailure(
        EXIT_CODES.notAnswering,
        `Cannot wait any longer for the guardian of ${target.label} (pid ${pids}) as it has not ended for a minute: end it with ` +
          `\`kill -9 ${pids}\`, then \`${program} down\` ends what is left`,
      );
    }
    return seenMs !== undefined && nowMs - seenMs >= MOMENT_MS;
  };
  let hasAnother = false;
  await endGuardians(guardians, host, { signal, isEnough: () => hasAnother = isThereAnother() });
  return !hasAnother;
}

function stillStopping(who: string, { timeout }: CommandOptions): CommandFailure {
  return new CommandFailure(EXIT_CODES.timeout, `Cannot wait any longer for ${who} after ${timeout}; it goes on stopping`);
}

/** Of a daemon that has died there is left what it ran, and perhaps the guardian that would start it again. */
async function clearUp(work: Work): Promise<number | undefined> {
  const { context, options, client: { target }, patience } = work;
  const { host, output } = context;
  const cleared = (async () => {
    if (!await untilUnguarded(work)) return undefined;
    return hasDied(target, host) ? await endWhatIsLeft(target, host, configOf(context, options)) : { said: [], unended: [] };
  })();
  const result = await output.waitFor(`clearing up after ${target.label}`, cleared).catch((error) => {
    if (!patience.signal.aborted) throw error;
    throw new CommandFailure(EXIT_CODES.timeout, `Cannot wait any longer for the leftovers of ${target.label} after ${options.timeout}`);
  });
  if (result === undefined) return undefined;
  const { said, unended } = result;
  const ok = unended.length === 0;
  if (options.json) output.printJson({ v: 1, ok, name: target.label, pid: null, how: "had died", unstopped: unended, left: said });
  else for (const text of [`${target.label} had died`, ...said]) output.print(text);
  return ok ? EXIT_CODES.ok : EXIT_CODES.failed;
}

/** The file that says how the services are stopped; none where the daemon was not named by one. */
function configOf({ builder }: CommandContext, { socket, config }: CommandOptions): string | null | undefined {
  return builder !== undefined || socket !== undefined ? null : config;
}

/** Follows the course of a shutdown by its events. */
class Ending {
  readonly #states: Map<string, State>;
  /** Whether patience ran out. */
  isForced = false;
  /** Whether the daemon came to its end. */
  isComplete = false;

  /** Services that had to be killed. */
  killed: readonly string[] = [];

  /** Processes that could not be ended. */
  survivors: readonly Survivor[] = [];

  constructor(status: DaemonStatus) {
    this.#states = new Map(status.units.map((unit) => [unit.name, unit.state]));
  }

  note(event: DaemonEvent): void {
    if (event.type === "unit.state" && this.#states.has(event.name)) this.#states.set(event.name, event.to);
    if (event.type === "daemon.forced") this.isForced = true;
    if (event.type !== "daemon.stopped") return;
    this.isComplete = true;
    this.killed = event.killed ?? [];
    this.survivors = event.survivors ?? [];
  }

  unstopped(): string[] {
    return [...this.#states].filter(([, state]) => !isGoneState(state)).map(([name]) => name);
  }
}

/** Between two questions whether a daemon that is stopping still answers, each of which it has as long to answer. */
const ASK_MS = 5_000;
const MOST_SILENT = 6;

/** Resolves when a daemon that lives has not answered for a minute: nothing in it counts the time of its stop any more. */
async function untilSilent(client: Client, { clock }: Host, signal: AbortSignal): Promise<void> {
  for (let silent = 0; silent < MOST_SILENT;) {
    await sleep(clock, ASK_MS, { signal });
    const isAnswered = await client.status().then(() => true, (error) => exitCodeForError(error) !== EXIT_CODES.notAnswering);
    signal.throwIfAborted();
    silent = isAnswered ? 0 : silent + 1;
  }
}

/**
 * Resolves once the daemon's process has ended. A process that gave its lock back may go on with something else: it is not waited for
 * longer than a moment.
 */
async function untilGone(holder: InstanceRecord | undefined, host: Host, signal: AbortSignal): Promise<void> {
  if (holder === undefined) return;
  let releasedMs: number | undefined;
  while (host.processes.isAlive(holder)) {
    const nowMs = host.clock.nowMs();
    if (releasedMs === undefined && !isHeld(holder, host)) releasedMs ??= nowMs;
    if (releasedMs !== undefined && nowMs - releasedMs > MOMENT_MS) return;
    await sleep(host.clock, LOOK_MS, { signal });
  }
}
