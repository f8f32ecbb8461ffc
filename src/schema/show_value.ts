import type { Value } from "./tree.ts";

/** Writes a value for a message, without the name and the password that a URL may have. */
export function showValue(value: Value): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (value instanceof Date) return `the date ${JSON.stringify(value).slice(1, -1)}`;
  if (typeof value === "object") return "a table";
  if (typeof value === "function") return "a function";
  const text = typeof value === "string" ? JSON.stringify(value.replace(/:\/\/[^/]*@/g, "://…@")) : String(value);
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}
