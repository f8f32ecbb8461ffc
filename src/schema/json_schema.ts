import type { JsonSchema, Node } from "./node.ts";

/** The JSON Schema of a place, for editors: types, choices, defaults and what each key expects. */
export function jsonSchemaOf(node: Node): JsonSchema {
  if (node.type === "map") {
    return { type: "object", additionalProperties: jsonSchemaOf(node.value), description: node.facts.expects };
  }
  if (node.type === "table") {
    const { shorthand, expects } = node.facts;
    const properties = Object.fromEntries(Object.entries(node.entries).map(([key, child]) => [key, jsonSchemaOf(child)]));
    const whole = { type: "object", properties, additionalProperties: false };
    // A value of one key may stand in place of the table: `restart = "always"`.
    return { ...(shorthand === undefined ? whole : { anyOf: [properties[shorthand], whole] }), description: expects };
  }
  const { about, expects, default: standard, example, notYet } = node.facts;
  const right = notYet ? `${expects}; only the default is accepted, and nothing uses it yet` : expects;
  return {
    ...node.json,
    ...(right === undefined ? {} : { description: about === undefined ? right : `${about} Expects ${right}.` }),
    ...(standard === undefined ? {} : { default: standard }),
    ...(example === undefined ? {} : { examples: [example] }),
    ...(notYet ? { const: standard } : {}),
  };
}
