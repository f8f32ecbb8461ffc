import { toJsonSchema } from "@valibot/to-json-schema";
import type { KeyFacts, TableFacts } from "../core/values/config_key.ts";
import type { Schema } from "./key_table.ts";

/** The JSON Schema of a configuration, for editors: types, choices, defaults and what each key expects. */
export function jsonSchemaOf(root: Schema): Record<string, unknown> {
  const schema = toJsonSchema(root, { typeMode: "input", errorMode: "ignore" }) as Record<string, unknown>;
  describe(schema);
  return schema;
}

/** Replaces our own facts, which the conversion has copied, by words that editors know, from the innermost keys on. */
function describe(value: unknown): void {
  if (typeof value !== "object" || value === null) return;
  const schema = value as Record<string, unknown> & { facts?: Partial<KeyFacts & TableFacts> };
  for (const child of Object.values(schema)) describe(child);
  if (schema.facts === undefined || !("expects" in schema.facts)) return;
  const { about, expects, default: standard, notYet, shorthand } = schema.facts;
  delete schema.facts;
  if (shorthand !== undefined) allowShorthand(schema, shorthand);
  const right = notYet ? `${expects}; only the default is accepted, and nothing uses it yet` : expects;
  schema.description = about === undefined ? right : `${about} Expects ${right}.`;
  if (standard !== undefined) schema.default = standard;
  if (notYet) schema.const = standard;
}

/** Lets what one key of a table takes stand in place of the table: `restart = "always"`. */
function allowShorthand(schema: Record<string, unknown>, key: string): void {
  const table = { ...schema };
  for (const name of Object.keys(schema)) delete schema[name];
  schema.anyOf = [(table.properties as Record<string, unknown>)[key], table];
}
