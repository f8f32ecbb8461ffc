import { isDaemonError } from "../core/values/errors.ts";
import { EXIT_CODES } from "../core/values/exit_codes.ts";

/** A command that can't do what it was asked: says so in one message and ends with this code. */
export class CommandFailure extends Error {
  /** Code of {@linkcode EXIT_CODES}. */
  readonly exitCode: number;

  /** Creates the failure; the message says what happened, with what value, and what to do. */
  constructor(exitCode: number, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** The exit code for anything that was thrown. */
export function exitCodeForError(thrown: unknown): number {
  if (thrown instanceof CommandFailure) return thrown.exitCode;
  if (!isDaemonError(thrown)) return EXIT_CODES.internal;
  if (thrown.category === "config") return EXIT_CODES.config;
  if (thrown.code === "SUBSYSTEM_UNKNOWN") return EXIT_CODES.unknownName;
  if (thrown.code === "TIMEOUT") return EXIT_CODES.timeout;
  if (thrown.code === "RUNTIME_PANIC") return EXIT_CODES.internal;
  return EXIT_CODES.failed;
}
