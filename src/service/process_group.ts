import { type Clock, sleep } from "../core/clock.ts";
import type { ChildProcess, ExitStatus, Processes, SignalName } from "../core/host.ts";

/** What {@linkcode ProcessGroup} needs beside the process. */
export interface ProcessGroupOptions {
  /** Sends signals and looks at the group. */
  processes: Pick<Processes, "signal" | "signalGroup" | "isAlive" | "groupMembers">;
  /** Times the stop. */
  clock: Clock;
  /** What is sent to ask for an end. */
  stopSignal: SignalName;
  /** Milliseconds from that signal to SIGKILL. */
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
 * - {@linkcode ProcessGroup.ended} resolves only when nobody is left: a leader that goes first leaves the others to be stopped like itself.
 * - After that no signal is sent any more, because the number may belong to somebody else.
 */
export class ProcessGroup {
  readonly #child: ChildProcess;
  readonly #options: ProcessGroupOptions;
  #stage: "running" | "stopping" | "killing" | "gone" = "running";
  #killTimer: Disposable | undefined;

  /** Takes over a program that has just been started. */
  constructor(child: ChildProcess, options: ProcessGroupOptions) {
    this.#child = child;
    this.#options = options;
  }

  /** Sends the stop signal, and SIGKILL after the timeout. Does nothing when that has begun or nobody is left. */
  stop(): void {
    if (this.#stage !== "running") return;
    this.#stage = "stopping";
    const { clock, stopSignal, stopTimeoutMs, onTrouble } = this.#options;
    this.#send(stopSignal);
    // A suspended program wakes up to see the signal.
    this.#send("SIGCONT");
    this.#killTimer = clock.schedule(stopTimeoutMs, () => {
      this.kill();
      onTrouble("did not stop in time and is killed", { signal: stopSignal, timeoutMs: stopTimeoutMs });
    });
  }

  /** Sends SIGKILL now. */
  kill(): void {
    if (this.#stage === "killing" || this.#stage === "gone") return;
    this.#stage = "killing";
    this.#killTimer?.[Symbol.dispose]();
    this.#send("SIGKILL");
  }

  /** Resolves with the leader's end once the leader, and in group mode every other member, is gone. Call it once. */
  async ended(): Promise<ExitStatus> {
    const status = await this.#child.exited;
    if (this.#options.killMode === "group") await this.#untilEmpty();
    this.#stage = "gone";
    this.#killTimer?.[Symbol.dispose]();
    return status;
  }

  /** There is no event for the end of somebody else's child, so this looks again and again, only while there is somebody left. */
  async #untilEmpty(): Promise<void> {
    const { processes, clock } = this.#options;
    let waitMs = FIRST_LOOK_MS;
    while (processes.groupMembers(this.#child.identity.pid).length > 0) {
      if (this.#stage === "killing") this.#send("SIGKILL");
      else this.stop();
      await sleep(clock, waitMs);
      waitMs = Math.min(LONGEST_LOOK_MS, waitMs * 2);
    }
  }

  #send(signal: SignalName): void {
    const { processes, killMode, onTrouble } = this.#options;
    const { identity } = this.#child;
    try {
      if (killMode === "group") processes.signalGroup(identity.pid, signal);
      else if (processes.isAlive(identity)) processes.signal(identity.pid, signal);
    } catch (error) {
      // A program that became another user may refuse signals; its end is still awaited.
      onTrouble(`could not be sent ${signal}`, { err: error });
    }
  }
}
