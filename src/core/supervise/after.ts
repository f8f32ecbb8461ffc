import { nameKey, nearest } from "../values/names.ts";
import type { RestartWhen } from "./restart.ts";

/** When an edge of `after` is satisfied: once the other runs, once it is ready, or once it has completed. */
export type AfterCondition = "started" | "ready" | "exited-ok";

/** One entry of `after`, taken apart. */
export interface AfterEdge {
  /** Name of the sibling that comes first, which is found without case. */
  name: string;
  /** Condition to wait for; a plain name means ready, which for a unit without readiness means started. */
  condition: AfterCondition;
}

const CONDITIONS: readonly AfterCondition[] = ["started", "ready", "exited-ok"];

/**
 * Takes an entry of `after` apart.
 *
 * @throws {RangeError} if the condition behind the colon is none.
 *
 * @example With and without a condition
 * ```ts
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(parseAfter("db"), { name: "db", condition: "ready" });
 * assert.deepEqual(parseAfter("migrate:exited-ok"), { name: "migrate", condition: "exited-ok" });
 * assert.throws(() => parseAfter("db:up"), RangeError);
 * ```
 */
export function parseAfter(entry: string): AfterEdge {
  const colon = entry.indexOf(":");
  if (colon === -1) return { name: entry, condition: "ready" };
  const condition = entry.slice(colon + 1) as AfterCondition;
  if (!CONDITIONS.includes(condition)) {
    throw new RangeError(
      `Cannot read "after" as the condition must be one of ${CONDITIONS.join(", ")}: current value is ${JSON.stringify(entry)}`,
    );
  }
  return { name: entry.slice(0, colon), condition };
}

/** A mistake in a graph of `after`. */
export interface AfterProblem {
  /** The unit whose `after` holds the mistake. */
  name: string;
  /** Index of the entry within its `after`. */
  index: number;
  /** The name that does not exist, where that is the mistake. */
  unknown?: string;
  /** The fault, in the form "must …: current value is …". */
  message: string;
  /** Advice on the text to write instead, where that is known. */
  hint?: string;
}

/**
 * Finds what is wrong with a graph of `after`: names that do not exist, a unit that comes after itself, and circles, each named with its
 * whole path; and waits for the completion of a unit that is always restarted, as it never comes. Names are compared without case.
 *
 * @example A circle is shown as the way around it
 * ```ts
 * import assert from "node:assert/strict";
 *
 * const problems = afterProblems([{ name: "a", after: ["b"] }, { name: "b", after: ["a"] }]);
 * assert.match(problems[0].message, /a → b → a/);
 * ```
 */
export function afterProblems(
  units: readonly { name: string; after: readonly string[]; restart?: RestartWhen }[],
): AfterProblem[] {
  const problems: AfterProblem[] = [];
  // Of two whose names differ by case only the first is meant: the other is refused elsewhere.
  const byKey = new Map<string, typeof units[number]>();
  for (const unit of units) if (!byKey.has(nameKey(unit.name))) byKey.set(nameKey(unit.name), unit);
  const keyOf = (entry: string): string => nameKey(entry.split(":", 1)[0]);
  const next = (key: string): string[] => byKey.get(key)!.after.map(keyOf).filter((other) => byKey.has(other));
  for (const { name, after } of units) {
    after.forEach((entry, index) => {
      const [other, condition] = entry.split(":", 2);
      const found = byKey.get(nameKey(other));
      if (found?.restart === "always" && condition === "exited-ok") {
        problems.push({
          name,
          index,
          message: `must not wait until ${found.name} has completed, as it is always restarted: current value is ${JSON.stringify(entry)}`,
          hint: `write restart = "on-failure" for ${found.name}, or "${other}" in place of "${entry}"`,
        });
      }
      if (found !== undefined) return;
      const near = nearest(other, units.map((unit) => unit.name).filter((each) => each !== name));
      problems.push({
        name,
        index,
        unknown: other,
        message: `must name a unit that exists: current value is ${JSON.stringify(entry)}${near ? ` (did you mean "${near}"?)` : ""}`,
      });
    });
  }
  for (const circle of circlesOf(byKey.keys(), next)) {
    const from = byKey.get(circle[0])!;
    const index = from.after.findIndex((entry) => keyOf(entry) === circle[1]);
    const path = circle.map((key) => byKey.get(key)!.name).join(" → ");
    problems.push({ name: from.name, index, message: `must not lead back to the unit itself: current path is ${path}` });
  }
  return problems;
}

/** Circles of a graph, each as the way around it. By a list of its own: a chain of thousands would overflow the stack. */
function circlesOf(names: Iterable<string>, next: (name: string) => string[]): string[][] {
  const circles: string[][] = [];
  const done = new Set<string>();
  for (const root of names) {
    const path: { name: string; rest: string[] }[] = [];
    const places = new Map<string, number>();
    const enter = (name: string) => {
      if (done.has(name)) return;
      const start = places.get(name);
      if (start !== undefined) return void circles.push([...path.slice(start).map((step) => step.name), name]);
      places.set(name, path.length);
      path.push({ name, rest: next(name) });
    };
    enter(root);
    for (let last = path.at(-1); last !== undefined; last = path.at(-1)) {
      const other = last.rest.shift();
      if (other !== undefined) enter(other);
      else {
        done.add(last.name);
        places.delete(last.name);
        path.pop();
      }
    }
  }
  return circles;
}
