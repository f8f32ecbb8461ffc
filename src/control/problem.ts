import type { ConfigIssue } from "../core/values/errors.ts";
import { ConfigError, DaemonError, messageOf } from "../core/values/errors.ts";
import type { ErrorCode } from "../core/values/error_codes.ts";
import { didYouMean } from "../core/values/names.ts";
import { STATUS_NAMES } from "../core/values/http_status.ts";

/** A failure as RFC 9457 tells it, with what lets a program branch and a person act. */
export interface ProblemDetails {
  /** Kind of problem; always `about:blank`, as `code` says more. */
  type: "about:blank";
  /** Name of the status. */
  title: string;
  /** HTTP status. */
  status: number;
  /** The fault, with the value. */
  detail: string;
  /** Stable code. */
  code: ErrorCode;
  /** Advice: how to mend it. */
  hint?: string;
  /** Every mistake, where there may be several. */
  issues?: readonly ConfigIssue[];
}

/** The response that tells of a {@linkcode ProblemDetails}. */
export function answerProblem(made: ProblemDetails, headers: Readonly<Record<string, string>> = {}): Response {
  const challenge: Record<string, string> = made.status === 401 ? { "www-authenticate": 'Bearer realm="daemonkit"' } : {};
  return new Response(JSON.stringify(made), {
    status: made.status,
    headers: { "content-type": "application/problem+json", ...challenge, ...headers },
  });
}

/** Makes a {@linkcode ProblemDetails}. */
export function problem(status: number, code: ErrorCode, detail: string, hint?: string): ProblemDetails {
  return { type: "about:blank", title: STATUS_NAMES[status], status, detail, code, ...(hint === undefined ? {} : { hint }) };
}

/** Makes a {@linkcode ProblemDetails} of anything that was thrown. */
export function problemOf(thrown: unknown): ProblemDetails {
  if (!(thrown instanceof DaemonError)) {
    return problem(500, "RUNTIME_PANIC", messageOf(thrown), "this is a fault of daemonkit: please report it");
  }
  const near = thrown.context?.nearest;
  const hint = typeof near === "string" ? didYouMean(near) : undefined;
  const issues = thrown instanceof ConfigError ? thrown.issues : [];
  // The message goes on with the issues, a line each, or with the hint, which stand by themselves here.
  const [first] = issues.length > 0 ? thrown.message.split("\n", 1) : [thrown.message];
  const detail = hint === undefined || !first.endsWith(`; ${hint}`) ? first : first.slice(0, -`; ${hint}`.length);
  const made = problem(statusOf(thrown), thrown.code, detail, hint);
  return issues.length > 0 ? { ...made, issues } : made;
}

function statusOf({ code, category }: DaemonError): number {
  if (code === "IPC_PROTOCOL") return 400;
  if (code === "SUBSYSTEM_UNKNOWN") return 404;
  if (code === "TIMEOUT") return 504;
  if (category === "config") return 422;
  if (category === "shutdown" || code === "RUNTIME_STATE") return 409;
  return 500;
}
