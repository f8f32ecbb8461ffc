import { type Clock, sleep } from "../core/clock.ts";
import type { ChildProcess, ExitStatus, Processes, SignalName } from "../core/host.ts";
import type { Neighbours } from "./neighbours.ts";

/** Asks a program to stop in another way than by a signal. */
export interface AskToStop {
  /** Resolves with whether the program with this number was asked; never rejects for want of a way to ask. */
  ask(leader: number): Promise<boolean>;
  /** Ends the asking now. */
  kill(): void;
}

/** What {@linkcode ProcessGroup} needs beside the process; how to stop is read when it is needed, as it may change. */
export interface ProcessGroupOptions {
  /** Sends signals. */
  processes: Pick<Processes, "signal" | "signalGroup" | "isAlive">;
  /** Looks at the group. */
  neighbours: Pick<Neighbours, "isGroupAlive">;
  /** Times the stop. */
  clock: Clock;
  /** What is sent to ask for an end. */
  stopSignal: SignalName;
  /** Asks for an end in place of the signal, which follows when that fails. @default {undefined} */
  stopCommand?: AskToStop;
  /** Milliseconds from that to SIGKILL. */
  stopTimeoutMs: number;
  /** `group`: everything that the program started; `process`: the program alone, its helpers live on. */
  killMode: "group" | "process";
  /** Told when SIGKILL was needed, and when a signal was refused. */
  onTrouble: (message: string, fields: Readonly<Record<string, unknown>>) => void;
}

/** First and longest wait between two looks at a group that is ending. */
const FIRST_LOOK_MS = 5;
const LONGEST_LOOK_MS = 50;

/**
 * A started program with everything in its process group, and its end.
 *
 * - {@linkcode ProcessGroup.stop} asks once, whatever else happens, and {@linkcode ProcessGroup.kill} follows by itself after the timeout.
 * - A stop command asks for the leader only: what the leader leaves behind gets the signal.
 * - {@linkcode ProcessGroup.ended} resolves only when nobody is left: a leader that goes first leaves the others to be stopped like itself.
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

  /** Takes over a program that has just been started. */
  constructor(child: ChildProcess, options: ProcessGroupOptions) {
    this.#child = child;
    this.#options = options;
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
    this.#stage = "killing";
    this.#killTimer?.[Symbol.dispose]();
    this.#send("SIGKILL");
  }

  /**
   * Resolves with the leader's end once the leader, and in group mode every other member, is gone, and the stop command too. Call it once.
   */
  async ended(): Promise<ExitStatus> {
    const status = await this.#child.exited;
    await this.#untilEmpty();
    this.#stage = "gone";
    this.#killTimer?.[Symbol.dispose]();
    await this.#asking;
    return status;
  }

  /**
   * There is no event for the end of somebody else's child, so this looks again and again, only while there is somebody left; and while
   * the mode says so, which a reload may change: nobody would end them then.
   */
  async #untilEmpty(): Promise<void> {
    const { neighbours, clock } = this.#options;
    let waitMs = FIRST_LOOK_MS;
    while (this.#options.killMode === "group" && await neighbours.isGroupAlive(this.#child.identity.pid)) {
      if (this.#stage === "killing") this.#send("SIGKILL");
      else {
        if (this.#stage === "running") this.#beginStop();
        this.#sendStop();
      }
      await sleep(clock, waitMs);
      waitMs = Math.min(LONGEST_LOOK_MS, waitMs * 2);
    }
  }

  #beginStop(): void {
    const { clock, stopSignal, stopTimeoutMs, onTrouble } = this.#options;
    this.#stage = "stopping";
    this.#killTimer = clock.schedule(stopTimeoutMs, () => {
      this.kill();
      onTrouble("did not stop in time and is killed", { signal: stopSignal, timeoutMs: stopTimeoutMs });
    });
  }

  /** Once, and only while somebody may be there. */
  #sendStop(): void {
    if (this.#isSignalled || this.#stage !== "stopping") return;
    this.#isSignalled = true;
    this.#send(this.#options.stopSignal);
    // A suspended program wakes up to see the signal.
    this.#send("SIGCONT");
  }

  #send(signal: SignalName): void {
    const { processes, killMode, onTrouble } = this.#options;
    const { identity } = this.#child;
    try {
      if (killMode === "group") processes.signalGroup(identity.pid, signal, { isSeen: true });
      else if (processes.isAlive(identity)) processes.signal(identity.pid, signal);
    } catch (error) {
      // A program that became another user may refuse signals; its end is still awaited.
      onTrouble(`could not be sent ${signal}`, { err: error });
    }
  }
}
