import type { Clock } from "../core/ports/clock.ts";
import { isDaemonError, messageOf } from "../core/values/errors.ts";
import type { Processes, SpawnOptions } from "../core/ports/processes.ts";
import { describeExit } from "./exit.ts";
import type { Neighbours } from "./neighbours.ts";
import type { LogPort } from "../core/wire/unit_output.ts";
import { ServiceOutput } from "./output.ts";
import { type AskToStop, ProcessGroup } from "./process_group.ts";

/** The variable in which a stop command finds the number of the process that it is to stop. */
const LEADER_VARIABLE = "DAEMONKIT_PID";

/** Options of {@linkcode StopCommand} beside the command. */
export interface StopCommandOptions {
  /** Path of the unit, on each line that it prints. */
  name: string;
  /** How it is started: like the service itself. */
  launch: SpawnOptions;
  /** Milliseconds that it may take. */
  timeoutMs: number;
  processes: Processes;
  neighbours: Neighbours;
  clock: Clock;
  /** Takes what it prints. */
  logs: Pick<LogPort, "keep" | "publish" | "maxLineBytes" | "room">;
  /** Told why it did not work. */
  onTrouble: (message: string, fields: Readonly<Record<string, unknown>>) => void;
}

/** A command that asks a service to stop, in place of the signal. It is killed with all that it started when its time is over. */
export class StopCommand implements AskToStop {
  readonly #options: StopCommandOptions;
  #group: ProcessGroup | undefined;
  #isKilled = false;

  /** Creates it; nothing is started. */
  constructor(options: StopCommandOptions) {
    this.#options = options;
  }

  /** Runs it to its end; true when it exited with 0. */
  async ask(leader: number): Promise<boolean> {
    const { clock, timeoutMs, onTrouble } = this.#options;
    using _timer = clock.schedule(timeoutMs, () => this.kill());
    let reason: string;
    try {
      reason = await this.#run(leader);
    } catch (error) {
      if (!isDaemonError(error)) throw error;
      reason = messageOf(error);
    }
    if (reason !== "") onTrouble("could not be asked to stop by its stop command", { reason });
    return reason === "";
  }

  /** Sends SIGKILL to it and to all that it started. */
  kill(): void {
    this.#isKilled = true;
    this.#group?.kill();
  }

  /** Why it did not work, or nothing. */
  async #run(leader: number): Promise<string> {
    const { name, launch, timeoutMs, processes, neighbours, clock, logs, onTrouble } = this.#options;
    const child = await processes.spawn({ ...launch, isUrgent: true, env: { ...launch.env, [LEADER_VARIABLE]: String(leader) } });
    const group = this.#group = new ProcessGroup(child, {
      processes,
      neighbours,
      clock,
      // Processes that it leaves running at its end are killed at once.
      stopSignal: "SIGKILL",
      stopTimeoutMs: timeoutMs,
      killMode: "group",
      onTrouble,
    });
    if (this.#isKilled) group.kill();
    const output = new ServiceOutput(child, {
      name,
      clock,
      maxLineBytes: () => logs.maxLineBytes(name),
      room: () => logs.room(),
      keep: (bytes, count) => logs.keep(name, bytes, count),
      publish: (block) => logs.publish(block),
      onBroken: () => group.kill(),
    });
    const status = await group.ended();
    await output.drain();
    if (this.#isKilled) return `it did not end within ${timeoutMs} ms and was killed`;
    return status.code === 0 ? "" : `it ${describeExit(status)}`;
  }
}
