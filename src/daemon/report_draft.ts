import type { Survivor } from "../core/supervise/event.ts";
import type { Unstopped } from "../core/supervise/supervisor.ts";
import { EXIT_CODES, signalExitCode } from "../core/values/exit_codes.ts";
import { SIGNAL_NUMBERS, type SignalName } from "../core/values/signal_name.ts";
import type { ExitReport } from "./exit_report.ts";

/** Errors that the exit report has at most. */
const MOST_ERRORS = 100;

/** The end of a daemon, for its report. */
export interface DaemonEnd {
  readonly reason: string;
  readonly unstopped: Unstopped[];
  /** Whether patience was over before everything had stopped. */
  readonly isForced: boolean;
  readonly uptimeMs: number;
  /** Whether a clean end after a signal has the code of that signal. */
  readonly isSignalTold: boolean;
}

/** The exit report while it is being written: errors as they come, and the reasons for an exit code, of which the first one counts. */
export class ReportDraft {
  /** The newest, oldest first. */
  readonly #errors: unknown[] = [];
  #droppedErrors = 0;
  /** How many there were, dropped ones included, when the shutdown began: those are told, but its exit code is about what came after. */
  #errorsBefore = 0;
  #exitCode: number | undefined;
  #stopSignal: SignalName | undefined;
  #gaveUp = false;
  #killed: Set<string> | undefined;
  /** Processes that could not be ended; known at the end. */
  survivors: readonly Survivor[] = [];

  /** Whether something has decided the exit code. */
  get hasExitCode(): boolean {
    return this.#exitCode !== undefined;
  }

  /** Paths of the services that were killed. */
  get killed(): string[] {
    return this.#killed === undefined ? [] : [...this.#killed];
  }

  /** Keeps an error. */
  keep(error: unknown): void {
    this.#errors.push(error);
    if (this.#errors.length <= MOST_ERRORS) return;
    this.#errors.shift();
    this.#droppedErrors++;
  }

  /** Ends with this code, unless something before has decided it; undefined decides nothing. */
  endWith(exitCode: number | undefined): void {
    this.#exitCode ??= exitCode;
  }

  /** Ends with this code, whatever has been decided before. */
  endSurelyWith(exitCode: number): void {
    this.#exitCode = exitCode;
  }

  /** A shutdown has begun. */
  beginStop(): void {
    this.#errorsBefore = this.#errors.length + this.#droppedErrors;
  }

  /** A signal has asked for the end. */
  stoppedBy(signal: SignalName): void {
    this.#stopSignal = signal;
  }

  /** A service was killed. */
  addKilled(path: string): void {
    (this.#killed ??= new Set()).add(path);
  }

  /** The daemon ends with something that still runs. */
  giveUp(): void {
    this.#gaveUp = true;
  }

  /** The report. */
  finish({ reason, unstopped, isForced, uptimeMs, isSignalTold }: DaemonEnd): ExitReport {
    const errors = this.#errors.slice();
    const droppedErrors = this.#droppedErrors;
    const survivors = [...this.survivors];
    const isClean = unstopped.length === 0 && survivors.length === 0 && errors.length + droppedErrors === this.#errorsBefore &&
      !this.#gaveUp && !isForced;
    const cleanCode = isSignalTold && this.#stopSignal !== undefined ? signalExitCode(SIGNAL_NUMBERS[this.#stopSignal]) : EXIT_CODES.ok;
    const exitCode = this.#exitCode ?? (isClean ? cleanCode : EXIT_CODES.failed);
    return { exitCode, reason, errors, droppedErrors, unstopped, killed: this.killed, survivors, uptimeMs };
  }
}
