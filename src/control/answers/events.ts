import type { DaemonEvent } from "../../core/supervise/event.ts";
import { serveAll, type ServedRoute } from "../../core/wire/route.ts";
import { EVENT_ROUTES } from "../routes/events.ts";
import { formatOf } from "../stream.ts";
import { MAX_ITEMS } from "./logs.ts";
import type { AnswerPorts } from "./ports.ts";

/** Answers what happens. */
export function eventAnswers({ operations, streams }: AnswerPorts): ServedRoute[] {
  return serveAll(EVENT_ROUTES, {
    events: ({ query, headers: { "last-event-id": lastSeen }, request }) => {
      const isFollowing = query.follow !== "0";
      const limit = Math.min(query.n ?? (isFollowing ? 0 : MAX_ITEMS), MAX_ITEMS);
      const kept = operations.events();
      const { first, missed } = lastSeen === undefined
        ? { first: limit === 0 ? [] : kept.slice(-limit), missed: 0 }
        : after(kept, lastSeen);
      const follow = isFollowing ? { follow: (fn: (event: DaemonEvent) => void) => operations.followEvents(fn) } : {};
      return streams.open({ format: formatOf(request, "sse"), first, missed, ...follow });
    },
  });
}

/** Returns the events after a number, and how many of them are gone. A number from the future is one of a daemon that ran before. */
function after(kept: readonly DaemonEvent[], lastSeen: number): { first: DaemonEvent[]; missed: number } {
  const from = lastSeen > (kept.at(-1)?.seq ?? 0) ? 0 : lastSeen;
  return { first: kept.filter(({ seq }) => seq > from), missed: Math.max(0, (kept[0]?.seq ?? 1) - from - 1) };
}
