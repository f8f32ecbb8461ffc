import { groupKey, nameKey } from "../core/values/names.ts";
import type { DaemonStatus, HealthCheck, UnitStatus } from "../core/supervise/operations.ts";
import type { HealthAnswerBody } from "./routes/health.ts";
import { isMissing } from "../core/supervise/readiness.ts";
import { isCompletedState, isRunningState, isStartingState, isUpState, STATES } from "../core/supervise/state.ts";

/** A health question, and how to write the answer. */
export interface HealthQuestion {
  /** Names that are left out; one of a service leaves out all its instances. */
  exclude: readonly string[];
  /** Whether to write a line for each check. */
  isVerbose: boolean;
  /** Whether the asker is a program. */
  isJson: boolean;
}

/** Reasons that say no more than that all is well. */
const PLAIN: ReadonlySet<string> = new Set(STATES.filter(isUpState));
/** Seconds after which to ask again. */
const RETRY_SECONDS = 1;

/** Checks that must hold for the whole daemon to be ready: the daemon itself, its features, its units. */
export function healthChecks({ state, health = [], units }: Pick<DaemonStatus, "state" | "health" | "units">): HealthCheck[] {
  return [daemonCheck(state), ...health, ...units.map((unit) => ({ name: unit.name, ok: !isMissing(unit), reason: reasonOf(unit) }))];
}

/** Checks for the units that a client names; each must be there, even if it was stopped on purpose. */
export function healthChecksOf(names: readonly string[], { state, units }: Pick<DaemonStatus, "state" | "units">): HealthCheck[] {
  const checks = units.filter(({ name }) => names.includes(name)).map((unit): HealthCheck => {
    const ok = !isMissing(unit) && isUpState(unit.state);
    return { name: unit.name, ok, reason: reasonOf(unit) };
  });
  return state === "stopping" ? [daemonCheck(state), ...checks] : checks;
}

/** Answers with 200 when every check holds, else with 503 and what does not. */
export function answerHealth(title: string, checks: readonly HealthCheck[], question: HealthQuestion): Response {
  const { exclude, isVerbose, isJson } = question;
  const isExcluded = ({ name }: HealthCheck) => exclude.some((each) => isMeant(each, name));
  const asked = checks.filter((check) => !isExcluded(check));
  const missing = asked.filter(({ ok }) => !ok);
  const ok = missing.length === 0;
  const headers: Record<string, string> = { "cache-control": "no-store", ...(ok ? {} : { "retry-after": String(RETRY_SECONDS) }) };
  const status = ok ? 200 : 503;
  if (isJson) {
    const body: HealthAnswerBody = {
      v: 1,
      ok,
      missing: missing.map(({ name, reason }) => ({ name, reason })),
      ...(isVerbose ? { checks: asked } : {}),
    };
    return new Response(`${JSON.stringify(body)}\n`, { status, headers: { ...headers, "content-type": "application/json" } });
  }
  const lines = isVerbose
    ? [
      ...checks.map((check) => isExcluded(check) ? `[+]${check.name} excluded` : lineOf(check)),
      ...exclude.filter((each) => !checks.some(({ name }) => isMeant(each, name))).map((each) =>
        `cannot exclude ${each}: there is no such check`
      ),
      `${title} check ${ok ? "passed" : "failed"}`,
    ]
    : [ok ? "ok" : `not ready: ${missing.map(({ name, reason }) => `${name} (${reason})`).join(", ")}`];
  return new Response(`${lines.join("\n")}\n`, { status, headers: { ...headers, "content-type": "text/plain; charset=utf-8" } });
}

function daemonCheck(state: DaemonStatus["state"]): HealthCheck {
  return { name: "daemon", ok: state === "running", reason: state };
}

function reasonOf({ state, ready, reason, details }: UnitStatus): string {
  // The probe's answer says more than the fact that the probe failed.
  const why = isStartingState(state) && typeof details.probe === "string" ? details.probe : reason;
  const isPlain = isCompletedState(state) || (isRunningState(state) && ready !== false);
  if (isPlain || why === "") return state;
  return why === state || why.startsWith(`${state} `) ? why : `${state}: ${why}`;
}

function lineOf({ name, ok, reason }: HealthCheck): string {
  return ok ? `[+]${name} ${PLAIN.has(reason) ? "ok" : reason}` : `[-]${name} ${reason}`;
}

/** Whether a name means a unit: that one, or an instance of that service. */
function isMeant(name: string, path: string): boolean {
  const wanted = nameKey(name);
  return nameKey(path) === wanted || groupKey(path) === wanted;
}
