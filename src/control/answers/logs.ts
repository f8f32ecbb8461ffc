import { durationMs } from "../../core/values/duration.ts";
import type { LogLine } from "../../core/wire/log_line.ts";
import { serveAll, type ServedRoute } from "../../core/wire/route.ts";
import { LOG_ROUTES } from "../routes/logs.ts";
import { formatOf } from "../stream.ts";
import type { AnswerPorts } from "./ports.ts";

/** Most items that are given of what is there. */
export const MAX_ITEMS = 10_000;
const DEFAULT_LINES = 100;

/** Answers what units print. */
export function logAnswers({ operations, clock, streams }: AnswerPorts): ServedRoute[] {
  return serveAll(LOG_ROUTES, {
    logs: ({ query, headers: { "last-event-id": lastSeen }, request }) => {
      const { name: patterns = [], since, contains } = query;
      const limit = Math.min(query.n ?? (since === undefined && lastSeen === undefined ? DEFAULT_LINES : MAX_ITEMS), MAX_ITEMS);
      const oldest = since === undefined ? "" : new Date(Math.max(0, clock.wallMs() - durationMs(since))).toISOString();
      const isWanted = since === undefined && contains === undefined ? undefined : lineFilter(oldest, contains);
      const names = operations.resolve(patterns);
      const isNothing = patterns.length > 0 && names.length === 0;
      const units = patterns.length === 0 ? [] : names;
      const newest = operations.lines([], 1)[0]?.seq ?? 0;
      // A number from the future is one of a daemon that ran before.
      const from = lastSeen === undefined || lastSeen > newest ? 0 : lastSeen;
      const isNew = from === 0 ? isWanted : (line: LogLine) => line.seq > from && (isWanted === undefined || isWanted(line));
      const first = isNothing || limit === 0 ? [] : operations.lines(units, limit, isNew);
      // The missing lines can be counted only when all lines were wanted.
      const missed = lastSeen !== undefined && patterns.length === 0 && isWanted === undefined ? newest - from - first.length : 0;
      const follow = query.follow === "1" && !isNothing
        ? {
          follow: (fn: (line: LogLine) => void) =>
            operations.followLines(units, isWanted === undefined ? fn : (line) => isWanted(line) && fn(line)),
        }
        : {};
      const response = streams.open({ format: formatOf(request, "ndjson"), first, missed, ...follow });
      response.headers.set("daemonkit-matched", String(names.length));
      response.headers.set("daemonkit-first", String(first.length));
      // A client that wants older lines than are kept is told from when on all are there.
      if (!isNothing && lastSeen === undefined && first.length < limit) {
        const counts = operations.lineCounts().filter(({ name }) => units.length === 0 || units.includes(name));
        const keptFrom = counts.map((unit) => unit.keptFrom ?? "").reduce((a, b) => a > b ? a : b, "");
        if (keptFrom > oldest) response.headers.set("daemonkit-kept-from", keptFrom);
      }
      return response;
    },
  });
}

/**
 * Lets through what is not older than a time and contains a text. No expression: one that is slow would keep the daemon from all else, and
 * anybody who may ask could send it.
 */
function lineFilter(oldest: string, contains: string = ""): (line: LogLine) => boolean {
  // Times are written in one form, so their texts are in their order.
  return (line) => line.time >= oldest && line.text.includes(contains);
}
