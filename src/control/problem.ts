import { ConfigError, DaemonError, messageOf } from "../core/values/errors.ts";
import type { ErrorCode } from "../core/values/error_codes.ts";
import { didYouMean } from "../core/values/names.ts";
import { type Infer, shape } from "../core/wire/shape.ts";
import { STATUS_NAMES } from "../core/values/http_status.ts";

const { integer, list, named, object, optional, text } = shape;

const ISSUE = object({
  source: text("File and position, or the source's name."),
  path: text("Path of the key."),
  message: text("The expected and the found value."),
  hint: optional(text("How to mend it.")),
});

/** The shape of a failure as RFC 9457 tells it, with what lets a program branch and a person act. */
export const PROBLEM = named(
  "Problem",
  object({
    type: optional(text("Always `about:blank`, as `code` says more.")),
    title: optional(text("Name of the status.")),
    status: integer("HTTP status."),
    detail: text("What is wrong, with the value."),
    code: text("Stable code."),
    hint: optional(text("Advice: how to mend it.")),
    issues: optional(list(ISSUE, "Every mistake, where there may be several.")),
  }, "What went wrong (RFC 9457)."),
);

/** A failure as it goes over the wire. */
export type ProblemDetails = Infer<typeof PROBLEM>;

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

/** The error that refuses a request. */
export function badRequest(message: string): DaemonError {
  return new DaemonError("IPC_PROTOCOL", message);
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
  return issues.length > 0 ? { ...made, issues: [...issues] } : made;
}

function statusOf({ code, category }: DaemonError): number {
  if (code === "IPC_PROTOCOL") return 400;
  if (code === "SUBSYSTEM_UNKNOWN") return 404;
  if (code === "TIMEOUT") return 504;
  if (category === "config") return 422;
  if (category === "shutdown" || code === "RUNTIME_STATE") return 409;
  return 500;
}
