import type { WaitGoal } from "../../core/supervise/operations.ts";
import { serveAll, type ServedRoute } from "../../core/wire/route.ts";
import { UNIT_ROUTES, type UnitCommand } from "../routes/units.ts";
import type { OutcomesAnswer } from "../routes/parts.ts";
import { parseSignal } from "../signal.ts";
import { type AnswerPorts, limited, readAs } from "./ports.ts";

/** Waits end for those who say nothing: not every runtime tells quietly that the asker has gone. */
const DEFAULT_WAIT = "30s";

/** Answers what changes units, or waits for them: when their state has changed, not when the command was accepted. */
export function unitAnswers({ operations, clock }: AnswerPorts): ServedRoute[] {
  const command = async (verb: UnitCommand, patterns: readonly string[], timeout: string | undefined): Promise<OutcomesAnswer> => {
    const names = operations.resolve(patterns);
    if (names.length === 0) return outcomes([]);
    return outcomes(await limited(verb, { timeout, clock }, (signal) => operations[verb](names, { signal })));
  };
  const signal = (patterns: readonly string[], text: string): OutcomesAnswer => {
    return outcomes(operations.signal(operations.resolve(patterns), readAs(parseSignal, text)));
  };
  const wait = async (patterns: readonly string[], goal: WaitGoal, timeout: string): Promise<OutcomesAnswer> => {
    return outcomes(
      await limited("wait", { timeout, clock }, async (signal) => {
        await operations.prepared({ signal });
        const names = operations.resolve(patterns);
        return names.length === 0 ? [] : await operations.wait(names, goal, { signal });
      }),
    );
  };
  return serveAll(UNIT_ROUTES, {
    start: ({ body, query }) => command("start", body.names, body.timeout ?? query.timeout),
    stop: ({ body, query }) => command("stop", body.names, body.timeout ?? query.timeout),
    restart: ({ body, query }) => command("restart", body.names, body.timeout ?? query.timeout),
    startOne: ({ params, query }) => command("start", [params.name], query.timeout),
    stopOne: ({ params, query }) => command("stop", [params.name], query.timeout),
    restartOne: ({ params, query }) => command("restart", [params.name], query.timeout),
    signal: ({ body }) => signal(body.names, body.signal),
    signalOne: ({ params, body }) => signal([params.name], body.signal),
    wait: ({ query }) => wait(query.name ?? [], query.for ?? "ready", query.timeout ?? DEFAULT_WAIT),
  });
}

function outcomes(units: OutcomesAnswer["units"]): OutcomesAnswer {
  return { v: 1, ok: units.every((unit) => unit.ok), units };
}
