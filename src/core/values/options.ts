import { nearest } from "./names.ts";

/**
 * Refuses options that are no object, or that hold a key which nobody reads. `action` begins the message, such as `add "api"`; `path` is
 * where the options stand in others, such as `stop.`.
 *
 * @throws {TypeError} if they are wrong.
 */
export function checkKeys(action: string, options: unknown, known: readonly string[], path: string = ""): void {
  checkObject(action, options, path);
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue;
    const near = nearest(key, known);
    const hint = near === undefined ? `known are ${known.join(", ")}` : `did you mean "${path}${near}"?`;
    throw new TypeError(`Cannot ${action} as "${path}${key}" is no option: ${hint}`);
  }
}

/**
 * Refuses options that are no object, as {@linkcode checkKeys} does.
 *
 * @throws {TypeError} if they are none.
 */
export function checkObject(action: string, options: unknown, path: string = ""): asserts options is object {
  if (typeof options === "object" && options !== null && !Array.isArray(options)) return;
  const what = path === "" ? "its options" : `"${path.slice(0, -1)}"`;
  throw new TypeError(`Cannot ${action} as ${what} must be an object: current value is ${shown(options)}`);
}

/**
 * Refuses a value that is none of those allowed.
 *
 * @throws {RangeError} if it is wrong.
 */
export function checkOneOf(action: string, key: string, value: unknown, allowed: readonly unknown[]): void {
  if (allowed.includes(value)) return;
  const near = typeof value === "string" ? nearest(value, allowed.filter((each) => typeof each === "string")) : undefined;
  const hint = near === undefined ? "" : `; did you mean ${shown(near)}?`;
  throw new RangeError(
    `Cannot ${action} as "${key}" must be one of ${allowed.map(shown).join(", ")}: current value is ${shown(value)}${hint}`,
  );
}

/**
 * Refuses what is no boolean, such as a text that is true by accident.
 *
 * @throws {TypeError} if one is wrong.
 */
export function checkBooleans(action: string, values: Readonly<Record<string, unknown>>): void {
  for (const [key, value] of Object.entries(values)) {
    if (typeof value === "boolean") continue;
    throw new TypeError(`Cannot ${action} as "${key}" must be true or false: current value is ${shown(value)}`);
  }
}

/**
 * Refuses what is no text.
 *
 * @throws {TypeError} if it is none.
 */
export function checkText(action: string, name: string, value: unknown): asserts value is string {
  if (typeof value === "string") return;
  throw new TypeError(`Cannot ${action} as "${name}" must be a text: current value is ${shown(value)}`);
}

/**
 * Refuses what is no list of texts.
 *
 * @throws {TypeError} if it is none.
 */
export function checkTexts(action: string, name: string, value: unknown): asserts value is readonly string[] {
  if (Array.isArray(value) && value.every((each) => typeof each === "string")) return;
  const hint = typeof value === "string" ? `; write [${shown(value)}]` : "";
  throw new TypeError(`Cannot ${action} as "${name}" must be a list of texts: current value is ${shown(value)}${hint}`);
}

/**
 * Refuses options of a wait that hold anything but an AbortSignal.
 *
 * @throws {TypeError} if they are wrong.
 */
export function checkWait(action: string, options: { signal?: AbortSignal }): void {
  checkKeys(action, options, ["signal"]);
  checkSignal(action, options.signal);
}

/**
 * Refuses what is no AbortSignal; undefined is none.
 *
 * @throws {TypeError} if it is wrong.
 */
export function checkSignal(action: string, signal: unknown): void {
  // By what it can do: one of another realm is no instance.
  if (signal === undefined || typeof (signal as AbortSignal | null)?.addEventListener === "function") return;
  throw new TypeError(`Cannot ${action} as "signal" must be an AbortSignal: current value is ${shown(signal)}`);
}

/** A value in a message: a text quoted, an object only by what it is. */
function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "function") return "a function";
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "a list" : "an object";
  return String(value);
}

/**
 * Refuses what can't be called.
 *
 * @throws {TypeError} if it is no function.
 */
export function checkFunction(action: string, name: string, value: unknown): void {
  if (typeof value !== "function") {
    throw new TypeError(`Cannot ${action} as "${name}" must be a function: current value is ${shown(value)}`);
  }
}
