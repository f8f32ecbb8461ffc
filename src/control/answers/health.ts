import type { HealthCheck } from "../../core/supervise/operations.ts";
import { serveAll, type ServedRoute } from "../../core/wire/route.ts";
import { answerHealth, healthChecks, healthChecksOf } from "../health.ts";
import { answerProblem, problem } from "../problem.ts";
import { HEALTH_ROUTES } from "../routes/health.ts";
import type { AnswerPorts } from "./ports.ts";

interface HealthAsked {
  readonly query: { readonly verbose?: string; readonly exclude?: string[] };
  readonly request: Request;
}

/** Answers whether all is well: never with a token, never with more than a look at what is there. */
export function healthAnswers({ operations }: AnswerPorts): ServedRoute[] {
  const whole = (title: string) => (asked: HealthAsked) => health(asked, title, healthChecks(operations.status()));
  return serveAll(HEALTH_ROUTES, {
    livez: (asked) => health(asked, "livez", []),
    readyz: whole("readyz"),
    healthz: whole("healthz"),
    readyzOne: (asked) => {
      const { name } = asked.params;
      const names = operations.resolve([name]);
      if (names.length > 0) return health(asked, "readyz", healthChecksOf(names, operations.status()));
      return answerProblem(problem(404, "SUBSYSTEM_UNKNOWN", `Cannot find a unit that ${JSON.stringify(name)} matches`));
    },
    startupz: (asked) => {
      const { hasStarted } = operations.measures();
      return health(asked, "startupz", hasStarted ? [] : healthChecks(operations.status()));
    },
  });
}

function health({ query: { verbose, exclude = [] }, request }: HealthAsked, title: string, checks: readonly HealthCheck[]): Response {
  return answerHealth(title, checks, {
    exclude: exclude.flatMap((text) => text.split(",")).map((name) => name.trim()).filter((name) => name !== ""),
    isVerbose: verbose !== undefined && verbose !== "0" && verbose !== "false",
    isJson: /\bjson\b/.test(request.headers.get("accept") ?? ""),
  });
}
