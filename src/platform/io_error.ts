import type { ErrorCode } from "../core/values/error_codes.ts";
import { type ErrorContext, IoError, messageOf } from "../core/values/errors.ts";

/** Our code and wording for each system error. */
const MEANINGS: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  ENOENT: ["IO_NOT_FOUND", "there is nothing at that path"],
  ENOTDIR: ["IO_NOT_FOUND", "a part of that path is no folder"],
  EACCES: ["IO_DENIED", "permission is denied"],
  EPERM: ["IO_DENIED", "the system does not permit it"],
  EROFS: ["IO_DENIED", "the file system is read-only"],
  EISDIR: ["IO_FAILED", "it is a folder"],
  ELOOP: ["IO_FAILED", "links there lead in a circle"],
  ENAMETOOLONG: ["IO_FAILED", "that path, or a name in it, is too long"],
  ENXIO: ["IO_FAILED", "it is a pipe that nobody reads"],
  EEXIST: ["IO_EXISTS", "something else stands there"],
  EADDRINUSE: ["IO_ADDRESS_IN_USE", "the address is in use"],
  EADDRNOTAVAIL: ["IO_FAILED", "this machine has no such address"],
  ENOSPC: ["IO_NO_RESOURCES", "the disk is full"],
  EDQUOT: ["IO_NO_RESOURCES", "the disk quota is used up"],
  EMFILE: ["IO_NO_RESOURCES", "this process has too many files open"],
  ENFILE: ["IO_NO_RESOURCES", "the system has too many files open"],
  ENOMEM: ["IO_NO_RESOURCES", "there is not enough memory"],
  EAGAIN: ["IO_NO_RESOURCES", "the system is short of resources"],
  ECONNREFUSED: ["IO_REFUSED", "nobody listens there"],
};

/** Error numbers by which Deno's fetch names a failure inside its message, as it gives no code. */
const LINUX_NUMBERS: Readonly<Record<string, string>> = {
  "2": "ENOENT",
  "13": "EACCES",
  "20": "ENOTDIR",
  "24": "EMFILE",
  "111": "ECONNREFUSED",
};

/** The system's name of a failure, such as `ENOENT`, wherever the runtime has put it; undefined when there is none. */
export function errnoOf(error: unknown): string | undefined {
  const { code, cause } = (error ?? {}) as { code?: unknown; cause?: unknown };
  if (typeof code === "string" && /^E[A-Z0-9]+$/.test(code)) return code;
  const [, number] = /\(os error (\d+)\)/.exec(messageOf(error)) ?? [];
  if (number !== undefined && number in LINUX_NUMBERS) return LINUX_NUMBERS[number];
  return cause === undefined || cause === error ? undefined : errnoOf(cause);
}

/** The error for something that the system refused; `doing` completes the sentence "Cannot ...". */
export function ioError(error: unknown, doing: string, context: ErrorContext): IoError {
  const errno = errnoOf(error);
  // Deno's own permissions; the message names the flag that is missing.
  const isForbidden = error instanceof Error && error.name === "NotCapable";
  const [code, reason] = isForbidden ? ["IO_DENIED", messageOf(error)] as const : MEANINGS[errno ?? ""] ?? ["IO_FAILED", messageOf(error)];
  return new IoError(code, `Cannot ${doing} as ${reason}`, {
    cause: error,
    context: errno === undefined ? context : { ...context, errno },
  });
}
