import { HEALTH_CHECK, V1 } from "../../core/supervise/answer_shapes.ts";
import { type AnswerDeclaration, route } from "../../core/wire/route.ts";
import { type Infer, shape } from "../../core/wire/shape.ts";

const { flag, list, named, object, optional, text } = shape;

/** The shape of what health routes answer to programs. */
export const HEALTH = named(
  "Health",
  object({
    v: V1,
    ok: flag("Whether every check passes."),
    missing: list(object({ name: text("What is not ready."), reason: text("Why.") }), "What is not ready, and why."),
    checks: optional(list(HEALTH_CHECK, "Every check, where they were asked for.")),
  }, "Whether all is well, for programs."),
);

/** Body of a health answer, for programs. */
export type HealthAnswerBody = Infer<typeof HEALTH>;

const CONTENT = { "application/json": HEALTH, "text/plain": text() };
const YES: AnswerDeclaration<unknown> = { status: 200, about: "All is well.", content: CONTENT };
const NO: AnswerDeclaration<unknown> = {
  status: 503,
  about: "Something is not, and why.",
  content: CONTENT,
  headers: { "retry-after": "Seconds after which to ask again." },
};
const VERBOSE = { verbose: optional(text("A line for each check; `0` and `false` are none.")) };
const QUERY = { ...VERBOSE, exclude: optional(list(text(), "Names that are left out, several by comma or by repeating.")) };
const READY = "not ready: web (restarting: exited with code 1)";

/** Routes for whoever looks after the daemon. */
export const HEALTH_ROUTES = {
  livez: route({
    method: "GET",
    path: "/livez",
    group: "health",
    access: "health",
    summary: "Tells whether the daemon answers: 200 until it exits.",
    query: VERBOSE,
    answers: [YES],
    isForAll: true,
    example: { path: "/livez", answer: "ok" },
  }),
  readyz: route({
    method: "GET",
    path: "/readyz",
    group: "health",
    access: "health",
    summary: "Tells whether everything that should be is ready.",
    query: QUERY,
    answers: [YES, NO],
    isForAll: true,
    example: { path: "/readyz?exclude=batch", answer: READY },
  }),
  readyzOne: route({
    method: "GET",
    path: "/readyz/{name+}",
    group: "health",
    access: "health",
    summary: "Tells whether one unit is ready.",
    params: { name: text("Name of a unit, or of a service with instances.") },
    query: QUERY,
    answers: [YES, NO],
    problems: { 404: ["SUBSYSTEM_UNKNOWN"] },
    isForAll: true,
    example: { path: "/readyz/api", answer: "ok" },
  }),
  healthz: route({
    method: "GET",
    path: "/healthz",
    group: "health",
    access: "health",
    summary: "Tells the same as /readyz.",
    query: QUERY,
    answers: [YES, NO],
    isForAll: true,
    example: { path: "/healthz", answer: READY },
  }),
  startupz: route({
    method: "GET",
    path: "/startupz",
    group: "health",
    access: "health",
    summary: "Tells whether every unit has started once: 200 for ever after that.",
    query: QUERY,
    answers: [YES, NO],
    isForAll: true,
    example: { path: "/startupz", answer: "ok" },
  }),
};
