import type { WaitGoal } from "../../core/supervise/operations.ts";
import type { ErrorCode } from "../../core/values/error_codes.ts";
import { json, route } from "../../core/wire/route.ts";
import { shape } from "../../core/wire/shape.ts";
import { NAME, NAMES, OUTCOMES, TIMEOUT } from "./parts.ts";

const { list, object, oneOf, optional, text } = shape;

/** Commands that change whether units run. */
export type UnitCommand = "start" | "stop" | "restart";

/** Every {@linkcode WaitGoal}. */
export const WAIT_GOALS: readonly WaitGoal[] = ["ready", "started", "stopped"];

const NAMED = list(text(undefined, { isIt: (name) => name !== "", must: "a name or pattern" }), "Names, or patterns with `*` and `?`.", {
  isNotEmpty: true,
  must: "a list of names or patterns",
});
const SIGNAL = text("Name or number of a signal, such as `HUP`.");
const DONE = json(OUTCOMES, "What happened to each unit, once its state has changed.");
const PROBLEMS: Readonly<Record<number, readonly ErrorCode[]>> = {
  404: ["SUBSYSTEM_UNKNOWN"],
  409: ["RUNTIME_STATE", "SHUTDOWN_IN_PROGRESS"],
  504: ["TIMEOUT"],
};
const OUTCOME_WORDS = { start: "started", stop: "stopped", restart: "restarted" } as const;

const outcome = (verb: UnitCommand) => ({
  v: 1,
  ok: true,
  units: [{ name: "api", state: verb === "stop" ? "stopped" : "running", outcome: OUTCOME_WORDS[verb], ok: true, reason: "" }],
});
const SENT = { v: 1, ok: true, units: [{ name: "api", state: "running", outcome: "sent SIGHUP", ok: true, reason: "" }] };

function several(verb: UnitCommand, summary: string) {
  return route({
    method: "POST",
    path: `/v1/units/${verb}`,
    group: "units",
    access: "control",
    summary,
    query: { timeout: TIMEOUT },
    body: object({ names: NAMED, timeout: TIMEOUT }),
    answers: [DONE],
    problems: PROBLEMS,
    example: { path: `/v1/units/${verb}`, body: { names: ["api", "web*"], timeout: "30s" }, answer: outcome(verb) },
  });
}

function one(verb: UnitCommand, summary: string) {
  return route({
    method: "POST",
    path: `/v1/units/{name}/${verb}`,
    group: "units",
    access: "control",
    summary,
    params: { name: NAME },
    query: { timeout: TIMEOUT },
    answers: [DONE],
    problems: PROBLEMS,
    example: { path: `/v1/units/api/${verb}`, answer: outcome(verb) },
  });
}

/** Routes that change units, or wait for them. */
export const UNIT_ROUTES = {
  start: several("start", "Starts units, with what they come after; answers when their state has changed."),
  stop: several("stop", "Stops units, what comes after them first; answers when their state has changed."),
  restart: several("restart", "Restarts units; answers when their state has changed."),
  startOne: one("start", "Starts one unit, with what it comes after; answers when its state has changed."),
  stopOne: one("stop", "Stops one unit, what comes after it first; answers when its state has changed."),
  restartOne: one("restart", "Restarts one unit; answers when its state has changed."),
  signal: route({
    method: "POST",
    path: "/v1/units/signal",
    group: "units",
    access: "control",
    summary: "Sends a signal to the process groups of services.",
    body: object({ names: NAMED, signal: SIGNAL }),
    answers: [json(OUTCOMES, "To whom it was sent.")],
    problems: PROBLEMS,
    example: { path: "/v1/units/signal", body: { names: ["api"], signal: "HUP" }, answer: SENT },
  }),
  signalOne: route({
    method: "POST",
    path: "/v1/units/{name}/signal",
    group: "units",
    access: "control",
    summary: "Sends a signal to the process group of one service.",
    params: { name: NAME },
    body: object({ signal: SIGNAL }),
    answers: [json(OUTCOMES, "To whom it was sent.")],
    problems: PROBLEMS,
    example: { path: "/v1/units/api/signal", body: { signal: "HUP" }, answer: SENT },
  }),
  wait: route({
    method: "GET",
    path: "/v1/wait",
    group: "units",
    access: "control",
    summary: "Waits until all units are where they should be at one moment.",
    query: {
      name: NAMES,
      for: optional(oneOf(WAIT_GOALS, "What to wait for: `ready` unless it says so.")),
      timeout: optional(TIMEOUT),
    },
    answers: [json(OUTCOMES, "Who is there, and who is not and why.")],
    problems: PROBLEMS,
    example: {
      path: "/v1/wait?name=api&for=ready&timeout=10s",
      answer: { v: 1, ok: true, units: [{ name: "api", state: "running", outcome: "ready", ok: true, reason: "" }] },
    },
  }),
};
