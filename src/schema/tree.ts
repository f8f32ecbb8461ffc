/** A value as it stands in a configuration file: text, number, boolean, date, list or table. */
export type Value = unknown;

/** A table of a configuration: keys in the spelling of the file. */
export type Tree = { [key: string]: Value };

/** Keys and list indices from the root to a value. */
export type Path = readonly (string | number)[];

/** One difference between two trees. */
export interface Change {
  /** Where it is. */
  path: Path;
  /** Kind of the change. */
  kind: "added" | "removed" | "changed";
}

/** Whether a value is a table: neither a list nor a date nor a plain value. */
export function isTable(value: Value): value is Tree {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

/** The value at a path, or undefined; only own keys count. */
export function valueAt(tree: Value, path: Path): Value {
  let value = tree;
  for (const key of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Tree)[key];
  }
  return value;
}

/** Puts a value at a path and makes the tables on the way. */
export function setAt(tree: Tree, path: Path, value: Value): void {
  let table = tree;
  for (const key of path.slice(0, -1)) {
    if (!isTable(table[key])) table[key] = {};
    table = table[key] as Tree;
  }
  table[path[path.length - 1]] = value;
}

/** Puts a value at a key of a table, whatever its name: an assignment to `__proto__` would do something else. */
export function put(table: Tree, key: string, value: Value): void {
  if (key === "__proto__") Object.defineProperty(table, key, { value, enumerable: true, configurable: true, writable: true });
  else table[key] = value;
}

/** Removes what stands at a path; for an item of a list, the list. */
export function removeAt(tree: Tree, path: Path): void {
  const list = path.findIndex((key, index) => typeof key === "number" && Array.isArray(valueAt(tree, path.slice(0, index))));
  const whole = list === -1 ? path : path.slice(0, list);
  const parent = valueAt(tree, whole.slice(0, -1));
  if (isTable(parent)) delete parent[whole[whole.length - 1]];
}

/** Lays `over` on `base`: tables merge, everything else replaces. Neither is written to; the result shares what stands in one of them only. */
export function merge(base: Tree, over: Tree): Tree {
  const merged: Tree = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const below = Object.hasOwn(merged, key) ? merged[key] : undefined;
    put(merged, key, isTable(value) && isTable(below) ? merge(below, value) : value);
  }
  return merged;
}

/** Whether two values are the same, through lists and tables. */
export function isSame(a: Value, b: Value): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  if (a instanceof Date || b instanceof Date) return a instanceof Date && b instanceof Date && a.getTime() === b.getTime();
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && isSame((a as Tree)[key], (b as Tree)[key]));
}

/** Lists the differences between two trees, by path; a table that came or went is one change for each of its values. */
export function diff(before: Tree, after: Tree): Change[] {
  const changes: Change[] = [];
  compare(before, after, [], changes);
  return changes;
}

/** Writes a path as `service.api.run[1]`; a key that is no plain word stands in quotes. */
export function formatPath(path: Path): string {
  let text = "";
  for (const key of path) {
    if (typeof key === "number") text += `[${key}]`;
    else text += `${text === "" ? "" : "."}${/^[\w-]+$/.test(key) ? key : JSON.stringify(key)}`;
  }
  return text;
}

/** Reads a path as {@linkcode formatPath} writes it; undefined when it is none. */
export function parsePath(text: string): Path | undefined {
  const path: (string | number)[] = [];
  let rest = text;
  while (rest !== "") {
    const part = /^(?:\.?([\w-]+)|\.?("(?:[^"\\]|\\.)*")|\[(\d+)\])/.exec(rest);
    if (part === null || (rest.startsWith(".") && path.length === 0)) return undefined;
    const [whole, word, quoted, index] = part;
    if (index === undefined && path.length > 0 && !whole.startsWith(".")) return undefined;
    path.push(word ?? (quoted === undefined ? Number(index) : JSON.parse(quoted) as string));
    rest = rest.slice(whole.length);
  }
  return path.length === 0 ? undefined : path;
}

function compare(before: Tree, after: Tree, path: Path, changes: Change[]): void {
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const here = [...path, key];
    const old = Object.hasOwn(before, key) ? before[key] : undefined;
    const fresh = Object.hasOwn(after, key) ? after[key] : undefined;
    if (isTable(old) || isTable(fresh)) {
      if (old !== undefined && !isTable(old)) changes.push({ path: here, kind: "removed" });
      if (fresh !== undefined && (!isTable(fresh) || (old === undefined && Object.keys(fresh).length === 0))) {
        changes.push({ path: here, kind: "added" });
      }
      compare(isTable(old) ? old : {}, isTable(fresh) ? fresh : {}, here, changes);
    } else if (old === undefined) changes.push({ path: here, kind: "added" });
    else if (fresh === undefined) changes.push({ path: here, kind: "removed" });
    else if (!isSame(old, fresh)) changes.push({ path: here, kind: "changed" });
  }
}
