import { signalExitCode } from "./exit_codes.ts";
import { SIGNAL_NUMBERS } from "./signal_name.ts";

/** How a process ended: by a code or by a signal. */
export interface ExitStatus {
  /** Exit code, null when a signal ended it. */
  code: number | null;
  /** Name of the signal that ended it, such as `SIGKILL` or `SIG34`; null when it exited by itself. */
  signal: string | null;
}

/** Numbers, on Linux, of signals that end a program but that nobody sends on purpose. */
const OTHER_SIGNALS: Readonly<Record<string, number>> = {
  SIGILL: 4,
  SIGTRAP: 5,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGSEGV: 11,
  SIGPIPE: 13,
  SIGSTKFLT: 16,
  SIGTTIN: 21,
  SIGTTOU: 22,
  SIGURG: 23,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGVTALRM: 26,
  SIGPROF: 27,
  SIGIO: 29,
  SIGPWR: 30,
  SIGSYS: 31,
};

/** The code that callers see for an end: the program's own, or 128 + n where signal n ended it. */
export function exitCodeOf(status: ExitStatus): number {
  if (status.signal === null) return status.code ?? 1;
  const known = (SIGNAL_NUMBERS as Readonly<Record<string, number>>)[status.signal] ?? OTHER_SIGNALS[status.signal];
  return signalExitCode(known ?? (Number(/^SIG(\d+)$/.exec(status.signal)?.[1]) || 0));
}
