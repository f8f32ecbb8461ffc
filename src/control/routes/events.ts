import { DAEMON_EVENT } from "../../core/supervise/event_shapes.ts";
import { DROPPED } from "../../core/wire/line_shapes.ts";
import { route } from "../../core/wire/route.ts";
import { shape } from "../../core/wire/shape.ts";
import { LAST_EVENT_ID, NEWEST, stream } from "./parts.ts";

const { either, oneOf, optional } = shape;

/** Routes about what happens. */
export const EVENT_ROUTES = {
  events: route({
    method: "GET",
    path: "/v1/events",
    group: "events",
    access: "control",
    summary: "Tells what happens from now on, and what has happened where that is wanted.",
    query: { n: NEWEST, follow: optional(oneOf(["0", "1"], "0 ends after those that are there.")) },
    headers: { "last-event-id": LAST_EVENT_ID },
    answers: [stream(either(DROPPED, DAEMON_EVENT), "The events, oldest first.")],
    example: {
      path: "/v1/events?n=1&follow=0",
      answer: { v: 1, seq: 9, time: "2026-01-01T12:00:00.500Z", type: "unit.ready", name: "api", run: 1, ready: true },
    },
  }),
};
