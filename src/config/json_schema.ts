import { toJsonSchema } from "@valibot/to-json-schema";
import type { KeyFacts } from "../core/config_key.ts";
import type { Schema } from "./schema.ts";

/** The JSON Schema of a configuration, for editors: types, choices, defaults and what each key expects. */
export function jsonSchemaOf(root: Schema): Record<string, unknown> {
  const schema = toJsonSchema(root, { typeMode: "input", errorMode: "ignore" }) as Record<string, unknown>;
  describe(schema);
  return schema;
}

/** Replaces our own facts, which the conversion has copied, by words that editors know. */
function describe(value: unknown): void {
  if (typeof value !== "object" || value === null) return;
  const schema = value as Record<string, unknown> & { facts?: Partial<KeyFacts> };
  if (schema.facts !== undefined && "expects" in schema.facts) {
    const { expects, default: standard, notYet } = schema.facts;
    delete schema.facts;
    schema.description = expects;
    if (standard !== undefined) schema.default = standard;
    if (notYet) schema.const = standard;
  }
  for (const child of Object.values(schema)) describe(child);
}
