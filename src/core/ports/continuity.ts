import type { KillMode } from "../values/kill_mode.ts";
import type { SignalName } from "../values/signal_name.ts";
import type { ProcessIdentity } from "./processes.ts";

/** Treatment of a program that runs on after its daemon died. */
export type LeftoverPolicy = "stop" | "adopt";

/** How the processes of a unit are stopped. */
export interface StopPlan {
  /** Asks the program to end. */
  signal: SignalName;
  /** Milliseconds from that to SIGKILL. */
  timeoutMs: number;
  /** Processes that are ended beside the program. */
  killMode: KillMode;
  /** User that it runs as, where that is not the daemon's. */
  uid?: number;
}

/** A program that runs for a unit, as it is remembered for a later daemon. */
export interface RunningProgram {
  /** Path of the unit. */
  unit: string;
  /** Number of the run, as the program's mark has it. */
  run: number;
  /** The leader of its group. */
  identity: ProcessIdentity;
  /** Stands for what was started: a digest of the whole command. */
  command: string;
  /** User that it runs as, where that is not the daemon's. */
  uid?: number;
}

/** Connects the services of a daemon with those of the daemons before and after it. */
export interface Continuity {
  /** The control socket, which tells this daemon's children from those of any other. */
  readonly socket: string;
  /** Remembers a program until the result is disposed. */
  remember(program: RunningProgram): Disposable;
  /**
   * The program of an earlier daemon with which a unit goes on instead of starting its own; the run that remembers it has taken it over.
   *
   * @throws {SubsystemError} while something of the unit runs that could not be ended: it must not run twice.
   */
  inherit(unit: string): Promise<RunningProgram | undefined>;
}

/** A unit whose process a killed daemon may have left. */
export interface Recoverable {
  /** Its path. */
  readonly path: string;
  /** Treatment of a run that an earlier daemon left, and how to stop it. */
  readonly recovery: { readonly leftover: LeftoverPolicy; readonly stop: StopPlan };
  /** Stands for what it would start now: see {@linkcode RunningProgram}. */
  command(): Promise<string>;
}
