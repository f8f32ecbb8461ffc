import { DROPPED, LOG_LINE } from "../../core/wire/line_shapes.ts";
import { route } from "../../core/wire/route.ts";
import { shape } from "../../core/wire/shape.ts";
import { durationText, LAST_EVENT_ID, NAMES, NEWEST, stream } from "./parts.ts";

const { either, oneOf, optional, text } = shape;

/** Routes about what units print. */
export const LOG_ROUTES = {
  logs: route({
    method: "GET",
    path: "/v1/logs",
    group: "logs",
    access: "control",
    summary: "Gives lines that units have printed, and goes on with new ones where that is wanted.",
    query: {
      name: NAMES,
      n: NEWEST,
      since: optional(durationText("None older than this, such as `10m`.")),
      contains: optional(text("Only lines with this text; expressions are for the client.")),
      follow: optional(oneOf(["0", "1"], "1 goes on with new ones.")),
    },
    headers: { "last-event-id": LAST_EVENT_ID },
    answers: [
      stream(either(DROPPED, LOG_LINE), "The lines, oldest first.", {
        "daemonkit-matched": "How many units the names matched.",
        "daemonkit-first": "How many lines were there already.",
        "daemonkit-kept-from": "Time from which on all lines are there, where older ones were asked for and are gone from memory.",
      }),
    ],
    problems: { 404: ["SUBSYSTEM_UNKNOWN"], 409: ["RUNTIME_STATE"] },
    example: {
      path: "/v1/logs?name=api&n=1",
      answer: { seq: 17, time: "2026-01-01T12:00:01.000Z", name: "api", stream: "stdout", text: "listening on 8080" },
    },
  }),
};
