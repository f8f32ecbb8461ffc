import { durationMs } from "../../core/values/duration.ts";
import type { AnswerDeclaration } from "../../core/wire/route.ts";
import { type Infer, type Shape, shape } from "../../core/wire/shape.ts";
import { UNIT_OUTCOME, V1 } from "../../core/supervise/answer_shapes.ts";

const { flag, integer, list, named, object, optional, text } = shape;

/** Names or patterns of units in a query. */
export const NAMES = optional(list(text(), "Names, or patterns with `*` and `?`."));
/** The name of a unit in a path. */
export const NAME = text("Name of a unit, or of a service with instances.");

/** A text that says how long. */
export function durationText(about: string): Shape<string> {
  return text(about, { format: "duration", must: 'a duration such as "30s"', isIt: isDuration });
}

function isDuration(value: string): boolean {
  try {
    durationMs(value);
    return true;
  } catch {
    return false;
  }
}

/** How long a command is waited for. */
export const TIMEOUT = optional(durationText('How long to wait, such as "30s"; the change goes on after that.'));

/** The header by which a stream goes on where its reader left off. */
export const LAST_EVENT_ID = optional(integer("Number of the item that was seen last.", { min: 0, max: 999_999_999_999_999 }));
/** How many of the newest items. */
export const NEWEST = optional(integer("How many of the newest; 10,000 at most.", { min: 0, max: 999_999_999 }));

/** The shape of what commands on units answer. */
export const OUTCOMES = named(
  "Outcomes",
  object({
    v: V1,
    ok: flag("Whether every unit is where the command wanted it."),
    units: list(UNIT_OUTCOME, "Outcome for each unit that the patterns matched; empty when none did."),
  }, "Answer of a command on units."),
);

/** Answer of a command on units. */
export type OutcomesAnswer = Infer<typeof OUTCOMES>;

/** An answer that comes item by item. */
export function stream<T>(item: Shape<T>, about: string, headers: Readonly<Record<string, string>> = {}): AnswerDeclaration<T> {
  const how = "One item a line, or server-sent events with id = seq; a reader that is too slow is told how many were dropped.";
  return { status: 200, about: `${about} ${how}`, content: { "application/x-ndjson": item, "text/event-stream": item }, headers };
}
