/**
 * `wire_types [--write]`: writes the types of what crosses a process out of the shapes that check it, with their documentation. They are
 * written rather than inferred as a package needs the types of its exports in so many words. A test compares them.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { DAEMON_STATUS, RELOAD_ANSWER } from "../../src/core/supervise/answer_shapes.ts";
import { DAEMON_EVENT } from "../../src/core/supervise/event_shapes.ts";
import { DROPPED, LOG_LINE } from "../../src/core/wire/line_shapes.ts";
import type { Shape } from "../../src/core/wire/shape.ts";
import { ROOT } from "./runtimes.ts";

interface Schema {
  type?: string | string[];
  enum?: (string | number)[];
  items?: Schema;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema;
  required?: string[];
  oneOf?: Schema[];
  anyOf?: Schema[];
  description?: string;
  $ref?: string;
}

const WIDTH = 140;
const NOTE = "// Made by `deno run -A tests/tools/wire_types.ts --write` out of the shapes beside it; do not edit.";
/** Types that are written by hand, with the file of each. */
const BY_HAND: Readonly<Record<string, string>> = { State: "./state.ts" };

/** Examples in the documentation of types. */
const EXAMPLES: Readonly<Record<string, string>> = {
  DaemonEvent: String.raw`
@example The units that have failed
${"`"}${"`"}${"`"}ts
import { Daemon, RestartPolicy } from "@daemonkit/daemonkit";
import assert from "node:assert/strict";

const failed: string[] = [];
const builder = Daemon.builder().withTask("flaky", async (context) => {
  await context.sleep("1ms");
  throw new Error("boom");
}, { restart: RestartPolicy.Never });
builder.onEvent((event) => {
  if (event.type === "unit.state" && event.to === "failed") failed.push(${"`"}${"$"}{event.name}: ${"$"}{event.error?.message}${"`"});
});
await builder.run({ ownsProcess: false });
assert.deepEqual(failed, ["flaky: boom"]);
${"`"}${"`"}${"`"}
`.trim(),
};

/** Every file of such types, by its path. */
export function wireTypes(): Record<string, string> {
  return {
    "src/core/wire/log_line.ts": typesOf([LOG_LINE, DROPPED]),
    "src/core/supervise/answers.ts": typesOf([DAEMON_STATUS, RELOAD_ANSWER, DAEMON_EVENT]),
  };
}

function typesOf(shapes: readonly Shape<unknown>[]): string {
  const schemas = Object.entries<Schema>(Object.assign({}, ...shapes.map(({ named }) => named)));
  const imports = Object.entries(BY_HAND).filter(([name]) => schemas.some(([each]) => each === name));
  const lines = imports.map(([name, file]) => `import type { ${name} } from "${file}";`);
  const types = schemas.filter(([name]) => !Object.hasOwn(BY_HAND, name)).map(([name, schema]) => typeOf(name, schema));
  return `${[[NOTE, ...lines].join("\n"), ...types].join("\n\n")}\n`;
}

function typeOf(name: string, schema: Schema): string {
  const about = comment(schema.description ?? "", "", EXAMPLES[name]);
  if (schema.properties !== undefined) return `${about}export interface ${name} ${fieldsOf(schema, "")}`;
  const cases = schema.oneOf!.map((each) => `  | ${fieldsOf(each, "  ")}`);
  return `${about}export type ${name} =\n${cases.join("\n")};`;
}

/** The fields of an object in braces, a line each. */
function fieldsOf({ properties = {}, required = [] }: Schema, indent: string): string {
  const inner = `${indent}  `;
  const fields = Object.entries(properties).map(([key, field]) => {
    const head = `${inner}${key}${required.includes(key) ? "" : "?"}:`;
    const line = `${head} ${textOf(field, inner)};`;
    const isLong = line.length > WIDTH && field.enum !== undefined;
    const text = isLong ? `${head}\n${field.enum!.map((each) => `${inner}  | ${JSON.stringify(each)}`).join("\n")};` : line;
    return comment(field.description ?? "", inner) + text;
  });
  return `{\n${fields.join("\n")}\n${indent}}`;
}

function textOf(schema: Schema, indent: string): string {
  const { type, items, properties, additionalProperties, required = [], oneOf, anyOf, $ref } = schema;
  if ($ref !== undefined) return nameIn($ref);
  if (schema.enum !== undefined) return schema.enum.map((each) => JSON.stringify(each)).join(" | ");
  const any = oneOf ?? anyOf;
  if (any !== undefined) return any.map((each) => textOf(each, indent)).join(" | ");
  if (Array.isArray(type)) return type.map((each) => textOf({ ...schema, type: each }, indent)).join(" | ");
  if (items !== undefined) {
    const item = textOf(items, indent);
    return item.includes(" | ") && !item.startsWith("{") ? `(${item})[]` : `${item}[]`;
  }
  if (properties !== undefined) {
    const entries = Object.entries(properties);
    if (entries.some(([, { description }]) => description !== undefined)) return fieldsOf(schema, indent);
    return `{ ${entries.map(([key, each]) => `${key}${required.includes(key) ? "" : "?"}: ${textOf(each, indent)}`).join("; ")} }`;
  }
  if (additionalProperties !== undefined) return `Readonly<Record<string, ${textOf(additionalProperties, indent)}>>`;
  return type === undefined ? "unknown" : type === "integer" ? "number" : type;
}

function nameIn(ref: string): string {
  return ref.split("/").at(-1)!;
}

/** A comment of one line where it fits, and of several where it does not. */
function comment(about: string, indent: string, example?: string): string {
  if (about === "") return "";
  const short = `${indent}/** ${about} */\n`;
  if (short.length <= WIDTH + 1 && example === undefined) return short;
  const lines: string[] = [""];
  for (const word of about.split(" ")) {
    const line = `${lines.at(-1)} ${word}`;
    if (`${indent} *${line}`.length > WIDTH) lines.push(` ${word}`);
    else lines[lines.length - 1] = line;
  }
  if (example !== undefined) lines.push("", ...example.split("\n").map((line) => line === "" ? "" : ` ${line}`));
  return `${indent}/**\n${lines.map((line) => `${indent} *${line}\n`).join("")}${indent} */\n`;
}

if (import.meta.main) {
  for (const [path, text] of Object.entries(wireTypes())) {
    if (process.argv.includes("--write")) writeFileSync(`${ROOT}/${path}`, text);
    else if (!existsSync(`${ROOT}/${path}`) || readFileSync(`${ROOT}/${path}`, "utf8") !== text) {
      console.log(`${path} differs from its shapes: run with --write`);
      process.exitCode = 1;
    }
  }
}
