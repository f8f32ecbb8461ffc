import { isLostState, isStoppedState, isWaitingState } from "../../core/supervise/state.ts";
import { sleep } from "../../core/ports/clock.ts";
import { EXIT_CODES } from "../../core/values/exit_codes.ts";
import type { DetachedProcess } from "../../core/ports/processes.ts";
import type { ExitStatus } from "../../core/values/exit_status.ts";
import type { Host } from "../../core/ports/host.ts";
import type { DaemonStatus, UnitStatus } from "../../core/supervise/operations.ts";
import { isKeptDown, isMissing, isShortOfRoom } from "../../core/supervise/readiness.ts";
import { type DaemonFolders, daemonFolders, prepareFolders, programFolders } from "../../instance/folders.ts";
import { isHeld } from "../../instance/instance.ts";
import {
  endPause,
  GUARDIAN_SCRIPT,
  guardianArgv,
  guardianEnvironment,
  guardiansOf,
  hurryGuardians,
  pauseOf,
  pauseText,
} from "../../instance/guardian.ts";
import { abortAfter } from "../abort_after.ts";
import { Client } from "../client.ts";
import type { CommandBody, CommandContext, CommandOptions } from "../command.ts";
import { CommandFailure } from "../failure.ts";
import { findDaemon, instanceOf, type Target } from "../find.ts";
import { fileOf, loadFor, refuseNothing, refuseUnmetFor } from "../load_for_command.ts";
import { absolutePath, baseFor, CONFIG_FILES } from "../paths.ts";
import { plainCell } from "../render.ts";
import { checkBuiltIn } from "./run.ts";

/** How a start in the background went. */
type Verdict =
  | { kind: "ready" | "not ready"; status: DaemonStatus; isOurs: boolean }
  | { kind: "ended"; exit: ExitStatus }
  | { kind: "late" };

/** First and longest wait between two looks at the daemon. */
const FIRST_LOOK_MS = 10;
const LONGEST_LOOK_MS = 100;

/** A lack of room may pass by itself; one that lasts so long is told. */
const ROOM_PATIENCE_MS = 5_000;

/** How often a daemon that is just starting may leave a question without an answer; each takes five seconds, or is refused at once. */
const MOST_SILENT = 100;

/** More lines of what a daemon said are for the reader of its log. */
const MOST_LINES = 30;

/** Starts a daemon in the background, under a guardian, and returns when it is ready or has failed; one that runs already is waited for. */
export const up: CommandBody = async (context, args, options) => {
  const { host, output } = context;
  const { name, folders, command, cwd } = await prepareStart(context, args, options);
  const target: Target = { socket: folders.socket, lock: folders.lock, label: folders.id, origin: folders.origin, isGuess: false };
  const logBytes = host.files.info(folders.log)?.size ?? 0;

  const start = () => startGuardian(host, folders, { command, cwd });
  const patience = new AbortController();
  using _timer = abortAfter(options.timeout, patience, host.clock);
  const verdict = await output.waitFor(`starting ${name}`, untilUp(context, target, start, patience.signal));

  if (verdict.kind === "late") {
    throw new CommandFailure(
      EXIT_CODES.timeout,
      `Cannot wait any longer for ${name} after ${options.timeout}; it goes on starting: see \`${context.program} status\` and ${folders.log}`,
    );
  }
  if (verdict.kind === "ended") {
    output.writeError(saidSince(host, folders.log, logBytes));
    // A service's own code may be any, and means something else here.
    const how = verdict.exit.code === null ? `by ${verdict.exit.signal}` : `with code ${verdict.exit.code}`;
    throw new CommandFailure(EXIT_CODES.failed, `Cannot start ${name} as its daemon ended ${how}; its log is ${folders.log}`);
  }
  return show(context, options, verdict);
};

/** Prepares the program to start and its folders. Mistakes in the configuration are found here, where somebody sees them. */
async function prepareStart(
  context: CommandContext,
  args: readonly string[],
  options: CommandOptions,
): Promise<{ name: string; folders: DaemonFolders; command: string[]; cwd: string }> {
  const { host, builder, program } = context;
  const own = [...host.ownProcess.command, "run"];
  if (builder !== undefined) {
    checkBuiltIn(program, "start", args, { ...options, json: false });
    const { config } = builder;
    const folders = prepareFolders(await programFolders(config, host), host);
    return { name: config.name, folders, command: own, cwd: host.ownProcess.cwd() };
  }
  const { set = [], logLevel } = options;
  const named = absolutePath(fileOf(args, options) ?? CONFIG_FILES[0], host);
  const loaded = await loadFor(context, args, {
    ...options,
    set: [...set, ...logLevel === undefined ? [] : [`logging.level=${logLevel}`]],
  }).catch(async (error) => {
    await tellWhatRuns(named, context);
    throw error;
  });
  refuseNothing(loaded);
  await refuseUnmetFor(context, loaded);
  const { config: { name, stateDir }, path } = loaded;
  return {
    name,
    folders: prepareFolders(await daemonFolders({ name, configPath: path, stateDir }, host), host),
    command: [...own, path!, ...set.flatMap((text) => ["--set", text]), ...logLevel === undefined ? [] : ["--log-level", logLevel]],
    cwd: baseFor(fileOf(args, options), host),
  };
}

/** Tells the user whose file is broken about the daemon that runs from it. */
async function tellWhatRuns(path: string, { host, output }: CommandContext): Promise<void> {
  const target = await findDaemon(host, { config: path }).catch(() => undefined);
  if (target === undefined) return;
  const instance = instanceOf(target, host);
  const guardian = guardiansOf(target, host).at(0);
  if (instance !== undefined) output.note(`${instance.id} (pid ${instance.pid}) runs on with the configuration that it has`);
  else if (guardian !== undefined) {
    output.note(`${target.label}: ${pauseText(guardian, pauseOf(guardian, host.files))}, with the last configuration that was in force`);
  }
}

async function startGuardian(
  host: Host,
  folders: DaemonFolders,
  { command, cwd }: { command: readonly string[]; cwd: string },
): Promise<DetachedProcess> {
  const { run, log, lock } = folders;
  // A log that can't be written is reported here: nobody reads the guardian's own messages.
  host.files.openAppend(log)[Symbol.dispose]();
  const script = `${run}/guardian.sh`;
  endPause(lock, host.files);
  host.files.writeText(script, GUARDIAN_SCRIPT);
  return await host.processes.spawnDetached({
    argv: guardianArgv({ script, command, log, lock }),
    cwd,
    env: guardianEnvironment(host.env.all(), folders),
  });
}

/** Starts the daemon unless it runs, and looks until it is ready, can't become ready any more, or has ended. */
async function untilUp(
  { host, output, program }: CommandContext,
  target: Target,
  start: () => Promise<DetachedProcess>,
  signal: AbortSignal,
): Promise<Verdict> {
  // The guardian alone does not keep us here.
  using _hold = host.ownProcess.hold();
  let guardian: DetachedProcess | undefined;
  let exit: ExitStatus | undefined;
  let seen: "nobody" | "alive" | "dead" = "nobody";
  let silent = 0;
  let shortSinceMs: number | undefined;
  /** Whether a guardian of an earlier `up` is about to start it. */
  let isAwaited = false;
  let waitMs = FIRST_LOOK_MS;
  try {
    for (;;) {
      const instance = instanceOf(target, host);
      if (instance !== undefined) {
        if (seen === "nobody") seen = "alive";
        // It may have its socket elsewhere: it was started in another environment, or from the same file by another name.
        const client = new Client(host, { ...target, socket: instance.socket }, {
          program,
          pid: () => isHeld(instance, host) ? instance.pid : undefined,
        });
        const isPatient = (guardian !== undefined || isAwaited) && silent < MOST_SILENT;
        const status = await statusOf(client, { isPatient });
        silent = status === undefined ? silent + 1 : 0;
        shortSinceMs = status && isOnlyShortOfRoom(status) ? shortSinceMs ?? host.clock.nowMs() : undefined;
        const isShort = shortSinceMs !== undefined && host.clock.nowMs() - shortSinceMs >= ROOM_PATIENCE_MS;
        const kind = isShort ? "not ready" : status && judge(status);
        if (kind !== undefined) return { kind, status: status!, isOurs: guardian !== undefined && isParent(guardian, status!.pid, host) };
      } else if (exit !== undefined) return { kind: "ended", exit };
      else if (guardian === undefined && !isAwaited) {
        const others = guardiansOf(target, host);
        isAwaited = others.length > 0;
        if (isAwaited) {
          const pause = pauseOf(others[0], host.files);
          if (pause !== undefined) {
            output.note(`${pauseText(others[0], pause)}; it is told to do so now`);
            hurryGuardians(others, host);
          }
          continue;
        }
        guardian = await start();
        void guardian.exited.then((status) => exit = status);
      } else if (guardian === undefined) isAwaited = guardiansOf(target, host).length > 0;
      else if (seen === "alive") {
        seen = "dead";
        output.note("the daemon has died during its start; its guardian starts it again, until the tenth death in a row");
      }
      await sleep(host.clock, waitMs, { signal });
      waitMs = Math.min(LONGEST_LOOK_MS, waitMs * 2);
    }
  } catch (error) {
    if (signal.aborted) return { kind: "late" };
    throw error;
  }
}

/** Whether a guardian has started a daemon: of two that begin at the same moment, one finds that the other has won. */
function isParent(guardian: DetachedProcess, pid: number, { processes }: Host): boolean {
  return processes.census([]).some(({ identity, parent }) => identity.pid === pid && parent === guardian.identity.pid);
}

/** Undefined while the daemon does not answer yet, or for a moment; one that ran before and hangs may never do. */
async function statusOf(client: Client, { isPatient }: { isPatient: boolean }): Promise<DaemonStatus | undefined> {
  try {
    return await client.status();
  } catch (error) {
    const isHanging = error instanceof CommandFailure && error.exitCode === EXIT_CODES.notAnswering && !isPatient;
    if (error instanceof CommandFailure && error.exitCode !== EXIT_CODES.internal && !isHanging) return undefined;
    throw error;
  }
}

/** Undefined while it is not decided. */
function judge(status: DaemonStatus): "ready" | "not ready" | undefined {
  if (status.state !== "running") return undefined;
  if (status.ready) return "ready";
  return status.units.filter(isMissing).every(isDecided) ? "not ready" : undefined;
}

/** Whether nothing is on its way any more but what the daemon has no room for, and what waits for that. */
function isOnlyShortOfRoom({ units }: DaemonStatus): boolean {
  const undecided = units.filter((unit) => isMissing(unit) && !isDecided(unit));
  return undecided.some(isShortOfRoom) && undecided.every((unit) => isWaitingState(unit.state) || isShortOfRoom(unit));
}

function isDecided(unit: UnitStatus): boolean {
  return isKeptDown(unit) || isLostState(unit.state);
}

function show(
  { output, program }: CommandContext,
  { json }: CommandOptions,
  { kind, status, isOurs }: Exclude<Verdict, { kind: "ended" | "late" }>,
): number {
  const how = isOurs ? "runs" : "runs already";
  const { name, id, pid, units } = status;
  const missing = units.filter(isMissing).map(({ name, state, reason }) => ({ name, state, reason }));
  const kept = keptDown(units, program);
  const isReady = kind === "ready";
  if (json) output.printJson({ v: 1, ok: isReady, name, id, pid, outcome: how, ready: isReady, units: units.length, missing });
  else {
    const count = units.length === 1 ? "1 unit" : `${units.length} units`;
    if (kept === undefined) output.print(`${name} (pid ${pid}) ${how} and is ${output.paint(kind, isReady ? "green" : "red")}: ${count}`);
    else {
      const ready = units.filter((unit) => unit.desired === "up" && !isMissing(unit)).length;
      output.print(
        `${name} (pid ${pid}) ${how}: ${
          output.paint(`${ready} of ${count} ${ready === 1 ? "is" : "are"} ready`, isReady ? "green" : "red")
        }; ${kept}`,
      );
    }
    const others = units.filter((unit) => isMissing(unit) && !(kept !== undefined && isKeptDown(unit)));
    for (const { name, state, reason } of others) output.print(`  ${name} ${state}${reason === "" ? "" : `: ${plainCell(reason)}`}`);
  }
  return isReady ? EXIT_CODES.ok : EXIT_CODES.failed;
}

/** Names the units that an operator stopped, and those that were stopped with them; undefined when there are none. */
function keptDown(units: readonly UnitStatus[], program: string): string | undefined {
  const stopped = units.filter(({ desired, state }) => desired === "down" && isStoppedState(state)).map(({ name }) => name);
  if (stopped.length === 0) return undefined;
  const isOne = stopped.length === 1;
  const [who, them] = isOne ? ["stays", "it"] : ["stay", "them"];
  const text = `${listed(stopped)} ${who} stopped (an operator stopped ${them}: ${program} start ${stopped.join(" ")})`;
  const held = units.filter(isKeptDown).map(({ name }) => name);
  return held.length === 0 ? text : `${text}, ${listed(held)} ${held.length === 1 ? "was" : "were"} stopped with ${them}`;
}

function listed(names: readonly string[]): string {
  return names.length === 1 ? names[0] : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

/** The newest lines that a log got since it had this many bytes; all of them when it was replaced meanwhile. */
function saidSince(host: Host, path: string, bytes: number): string {
  const { files } = host;
  if (files.info(path) === undefined) return "";
  const all = new TextEncoder().encode(files.readText(path));
  const text = new TextDecoder().decode(all.subarray(all.length < bytes ? 0 : bytes));
  const lines = text.split("\n").filter((line) => line !== "").slice(-MOST_LINES);
  return lines.map((line) => `${line}\n`).join("");
}
