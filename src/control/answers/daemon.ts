import { type RouteDeclaration, serveAll, type ServedRoute } from "../../core/wire/route.ts";
import { DAEMON_ROUTES } from "../routes/daemon.ts";
import { type AnswerPorts, limited } from "./ports.ts";

/** Answers what is about the daemon as a whole. */
export function daemonAnswers(
  { operations, version, protocol, clock }: AnswerPorts,
  declarations: () => readonly RouteDeclaration[],
): ServedRoute[] {
  return serveAll(DAEMON_ROUTES, {
    status: ({ query: { name = [] } }) => {
      const status = operations.status();
      if (name.length === 0) return { ...status, protocol };
      const names = new Set(operations.resolve(name));
      return { ...status, units: status.units.filter((unit) => names.has(unit.name)), protocol };
    },
    stop: () => {
      operations.shutdown("asked to stop over the control socket");
      return { v: 1, state: "stopping", pid: operations.status().pid, protocol };
    },
    reload: ({ query: { dryRun, timeout } }) =>
      limited("reload", { timeout, clock }, (signal) => {
        return operations.reload({ dryRun: dryRun === "1", ...(signal === undefined ? {} : { signal }) });
      }),
    openapi: async () => {
      const { openApiDocument } = await import("../openapi.ts");
      return openApiDocument(version, declarations());
    },
  });
}
