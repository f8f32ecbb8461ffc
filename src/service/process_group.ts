import { type Clock, sleep } from "../core/ports/clock.ts";
import type { ChildProcess, Processes, ProcessIdentity, RunProcess } from "../core/ports/processes.ts";
import type { ExitStatus } from "../core/values/exit_status.ts";
import type { SignalName } from "../core/values/signal_name.ts";
import type { KinLook, Neighbours } from "./neighbours.ts";
import { endsAll, type KillMode } from "../core/values/kill_mode.ts";

/** Asks a program to stop in another way than by a signal. */
export interface AskToStop {
  /** Resolves with whether the program with this number was asked; never rejects for want of a way to ask. */
  ask(leader: number): Promise<boolean>;
  /** Ends the asking now. */
  kill(): void;
}

/** Options of {@linkcode ProcessGroup} beside the process; those about stopping are read when needed, as they may change. */
export interface ProcessGroupOptions {
  /** Sends signals. */
  processes: Pick<Processes, "signal" | "signalGroup" | "isAlive">;
  /** Looks at the group. */
  neighbours: Pick<Neighbours, "isGroupAlive">;
  /** Times the stop. */
  clock: Clock;
  /** Signal that asks for an end. */
  stopSignal: SignalName;
  /** Asks for an end in place of the signal, which follows when that fails. @default {undefined} */
  stopCommand?: AskToStop;
  /** Milliseconds from that to SIGKILL. */
  stopTimeoutMs: number;
  /** `all`: everything that the program started; `group`: what is in its group; `process`: the program alone, its helpers live on. */
  killMode: KillMode;
  /** Finds everything that the program started, for the mode `all`. @default {undefined} */
  kin?: (look: KinLook) => Promise<readonly RunProcess[]>;
  /** Sends SIGKILL to everything at one moment, where there is a way. @default {undefined} */
  killAll?: () => void;
  /** Told when SIGKILL was needed, and when a signal was refused. */
  onTrouble: (message: string, fields: Readonly<Record<string, unknown>>) => void;
  /** Told when what was asked to stop is killed. @default {nobody} */
  onKill?: () => void;
}

/** First and longest wait between two looks at a group that is ending. */
const FIRST_LOOK_MS = 5;
const LONGEST_LOOK_MS = 50;
/** Time that SIGKILL may take once everybody was sent it: what is there after it is not going to go. */
const KILL_MS = 700;

/**
 * A started program with everything in its process group, or everything that it has started, and its end.
 *
 * - {@linkcode ProcessGroup.stop} asks once, whatever else happens, and {@linkcode ProcessGroup.kill} follows by itself after the timeout.
 * - A stop command asks for the leader only: what the leader leaves behind gets the signal.
 * - Processes in the leader's session are asked together with the leader. A process in a session of its own is asked when the leader is
 *   gone, as the leader may be there to stop it; SIGKILL comes to all at the same time.
 * - {@linkcode ProcessGroup.ended} resolves only when nobody is left: a leader that goes first leaves the others to be stopped like itself.
 *   A process that survives even SIGKILL is then among the {@linkcode ProcessGroup.survivors}.
 * - After that no signal is sent any more, because the number may belong to somebody else.
 */
export class ProcessGroup {
  readonly #child: ChildProcess;
  readonly #options: ProcessGroupOptions;
  #stage: "running" | "stopping" | "killing" | "gone" = "running";
  #killTimer: Disposable | undefined;
  /** The stop command, and its work. */
  #command: AskToStop | undefined;
  #asking: Promise<void> | undefined;
  #isSignalled = false;
  #hasLooked = false;
  /** A look after the leader's end has found somebody. */
  #isSomebodyLeft = false;
  /** The time of the stop is over, and nobody was known to be left. */
  #isOverdue = false;
  #left: readonly RunProcess[] = [];
  /** Signals already sent to processes beside the group: none is sent twice. */
  readonly #told = new Set<string>();

  /** Takes over a program that has just been started. */
  constructor(child: ChildProcess, options: ProcessGroupOptions) {
    this.#child = child;
    this.#options = options;
  }

  /** Processes that the leader left behind, while they are being ended. */
  get left(): readonly RunProcess[] {
    return this.#stage === "gone" ? [] : this.#left;
  }

  /** Processes that could not be ended; known at the end. */
  get survivors(): readonly RunProcess[] {
    return this.#stage === "gone" ? this.#left : [];
  }

  /** Asks for the end, and sends SIGKILL after the timeout. Does nothing when that has begun or nobody is left. */
  stop(): void {
    if (this.#stage !== "running") return;
    this.#command = this.#options.stopCommand;
    this.#beginStop();
    if (this.#command === undefined) this.#sendStop();
    else {
      this.#asking = this.#command.ask(this.#child.identity.pid).then((isAsked) => {
        if (!isAsked) this.#sendStop();
      });
    }
  }

  /** Sends the stop signal to a group that a stop command was to stop; a group that has got it is left alone. */
  hurry(): void {
    if (this.#stage === "stopping") this.#sendStop();
  }

  /** Sends SIGKILL now, also to a stop command at work. */
  kill(): void {
    this.#command?.kill();
    if (this.#stage === "killing" || this.#stage === "gone") return;
    if (this.#stage === "stopping") this.#options.onKill?.();
    this.#stage = "killing";
    this.#killTimer?.[Symbol.dispose]();
    this.#send("SIGKILL");
  }

  /**
   * Resolves with the leader's end once the leader, and what the mode counts to it, is gone, and the stop command too. Call it once.
   */
  async ended(): Promise<ExitStatus> {
    const status = await this.#child.exited;
    await this.#untilEmpty();
    await this.#untilAlone();
    this.#stage = "gone";
    this.#killTimer?.[Symbol.dispose]();
    await this.#asking;
    return status;
  }

  /**
   * There is no event for the end of somebody else's child, so this looks again and again, only while there is somebody left; and while
   * the mode says so, which a reload may change: nobody would end them then. Who became another user may live on: he is a survivor.
   */
  async #untilEmpty(): Promise<void> {
    const { neighbours, kin, clock } = this.#options;
    const { pid } = this.#child.identity;
    let waitMs = FIRST_LOOK_MS;
    let killedMs: number | undefined;
    while (this.#options.killMode !== "process" && await neighbours.isGroupAlive(pid)) {
      this.#noteLeft(true);
      if (kin !== undefined && killedMs !== undefined && clock.nowMs() - killedMs >= KILL_MS) {
        this.#left = (await kin({})).filter(({ identity, group }) => group === pid && identity.pid !== pid);
        return;
      }
      if (this.#stage === "killing") {
        killedMs ??= clock.nowMs();
        this.#send("SIGKILL");
      } else {
        if (this.#stage === "running") this.#beginStop();
        this.#sendStop();
      }
      await sleep(clock, waitMs);
      waitMs = Math.min(LONGEST_LOOK_MS, waitMs * 2);
    }
    this.#noteLeft(false);
  }

  /**
   * Ends what has left the group, again and again, as somebody may start another one before he goes. The first look after a crash is a quick
   * one: what it costs, everybody waits for who waits for the next start. So is the first one after a stop that began with a whole look.
   */
  async #untilAlone(): Promise<void> {
    const { kin, clock } = this.#options;
    if (kin === undefined) return;
    if (!endsAll(this.#options.killMode)) return;
    let isQuick = this.#stage === "running" || this.#hasLooked;
    let waitMs = FIRST_LOOK_MS;
    let killedMs: number | undefined;
    while (endsAll(this.#options.killMode)) {
      this.#left = (await kin({ isQuick })).filter(({ identity }) => identity.pid !== this.#child.identity.pid);
      this.#noteLeft(this.#left.length > 0);
      if (this.#left.length === 0 || (killedMs !== undefined && clock.nowMs() - killedMs >= KILL_MS)) return;
      if (this.#stage === "running") this.#beginStop();
      if (this.#stage === "killing") {
        killedMs ??= clock.nowMs();
        this.#options.killAll?.();
        this.#tellEach(this.#left, "SIGKILL");
      } else {
        this.#tellEach(this.#left, this.#options.stopSignal);
        this.#tellEach(this.#left, "SIGCONT");
      }
      isQuick = false;
      await sleep(clock, waitMs);
      waitMs = Math.min(LONGEST_LOOK_MS, waitMs * 2);
    }
    this.#left = [];
  }

  /** Processes of the leader's session get the signal with it: a job of its shell, a program with a time limit. */
  async #tellSession(): Promise<void> {
    const { killMode, kin, stopSignal } = this.#options;
    if (!endsAll(killMode) || kin === undefined) return;
    const { pid } = this.#child.identity;
    const jobs = (await kin({})).filter(({ session, group }) => session === pid && group !== pid);
    this.#hasLooked = true;
    if (this.#stage !== "stopping") return;
    this.#tellEach(jobs, stopSignal);
    this.#tellEach(jobs, "SIGCONT");
  }

  /** Asks each of them once; kills groups that are theirs whole, so that nobody who is just being started gets away. */
  #tellEach(left: readonly RunProcess[], signal: SignalName): void {
    const { processes, onTrouble } = this.#options;
    const isKill = signal === "SIGKILL";
    const pids = new Set(left.map(({ identity }) => identity.pid));
    const groups = new Set(left.map(({ group }) => group).filter((group) => isKill && pids.has(group)));
    for (const { identity, group } of left) {
      if (groups.has(group) && group !== identity.pid || !isKill && this.#wasTold(identity, signal)) continue;
      try {
        if (!processes.isAlive(identity)) continue;
        if (groups.has(group)) processes.signalGroup(group, signal, { isSeen: true });
        else processes.signal(identity.pid, signal);
      } catch (error) {
        // Somebody who became another user may refuse.
        if (!isKill || !this.#wasTold(identity, signal)) {
          onTrouble(`could not send ${signal} to what it has started`, { pid: identity.pid, err: error });
        }
      }
    }
  }

  /** Whether a process was sent a signal before; if not, it is from now on. */
  #wasTold({ pid, startTicks }: ProcessIdentity, signal: SignalName): boolean {
    const key = `${pid}/${startTicks}/${signal}`;
    if (this.#told.has(key)) return true;
    this.#told.add(key);
    return false;
  }

  #beginStop(): void {
    const { clock, processes, stopTimeoutMs } = this.#options;
    this.#stage = "stopping";
    this.#killTimer = clock.schedule(stopTimeoutMs, () => {
      // A busy daemon hears late of an end: who has gone in time is not killed, nor called so.
      if (this.#isSomebodyLeft || processes.isAlive(this.#child.identity)) this.#killLate(stopTimeoutMs);
      else this.#isOverdue = true;
    });
  }

  #noteLeft(isSomebodyLeft: boolean): void {
    this.#isSomebodyLeft = isSomebodyLeft;
    if (isSomebodyLeft && this.#isOverdue && this.#stage === "stopping") this.#killLate(this.#options.stopTimeoutMs);
  }

  #killLate(timeoutMs: number): void {
    const { stopSignal, onTrouble } = this.#options;
    this.kill();
    onTrouble("did not stop in time and is killed", { signal: stopSignal, timeoutMs });
  }

  /** Once, and only while somebody may be there. */
  #sendStop(): void {
    if (this.#isSignalled || this.#stage !== "stopping") return;
    this.#isSignalled = true;
    this.#send(this.#options.stopSignal);
    // A suspended program wakes up to see the signal.
    this.#send("SIGCONT");
    void this.#tellSession();
  }

  #send(signal: SignalName): void {
    const { processes, killMode, killAll, onTrouble } = this.#options;
    const { identity } = this.#child;
    try {
      if (signal === "SIGKILL") killAll?.();
      if (killMode !== "process") processes.signalGroup(identity.pid, signal, { isSeen: true });
      else if (processes.isAlive(identity)) processes.signal(identity.pid, signal);
    } catch (error) {
      // A program that became another user may refuse signals; its end is still awaited.
      if (!this.#wasTold(identity, signal)) onTrouble(`could not be sent ${signal}`, { err: error });
    }
  }
}
