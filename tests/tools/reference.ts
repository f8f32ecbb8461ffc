/**
 * `reference [--write]`: makes `docs/reference` out of the tables that the program itself uses: keys, commands, events, metrics, errors, exit
 * codes and HTTP routes. A test compares it.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import type { Option } from "commander";
import { COMMANDS } from "../../src/cli/commands.ts";
import { makeOption } from "../../src/cli/parse.ts";
import type { LeafNode, Node } from "../../src/schema/node.ts";
import { METRICS } from "../../src/control/metrics.ts";
import { ROUTES } from "../../src/control/routes/mod.ts";
import { plainPath, type RouteDeclaration } from "../../src/core/wire/route.ts";
import type { KeyFacts } from "../../src/schema/facts.ts";
import { ERROR_CODES } from "../../src/core/values/error_codes.ts";
import { EVENT_TYPES } from "../../src/core/supervise/event.ts";
import { EXIT_CODE_MEANINGS, EXIT_CODES } from "../../src/core/values/exit_codes.ts";
import { DAEMON_PLACES } from "../../src/settings/keys.ts";
import { ROOT } from "./runtimes.ts";

const FOLDER = `${ROOT}/docs/reference`;
const NOTE = "<!-- made by `deno run -A tests/tools/reference.ts --write`; do not edit -->";

/** A key of the configuration with its path, `NAME` for names that a user chooses. */
interface Key {
  path: string;
  leaf: LeafNode;
}

/** Every page, by its file name. */
export function referencePages(): Record<string, string> {
  return {
    "keys.md": page("Keys of daemon.toml", [keysIntroduction, ...keyTables()]),
    "commands.md": page("Commands", commandSections()),
    "events.md": page("Events", [
      "`daemonkit events --json` prints them, `daemon.bus` and `/v1/events` hand them over. Each has `v`, `seq`, `time` and `type`.",
      table(["type", "when"], Object.entries(EVENT_TYPES).map(([type, when]) => [code(type), when])),
    ]),
    "metrics.md": page("Metrics", [
      "What `/metrics` shows where a listener allows `metrics`.",
      table(
        ["name", "type", "labels", "what it says"],
        METRICS.map(({ name, type, labels, help }) => [code(name), type, labels.map(code).join(", "), help]),
      ),
    ]),
    "errors.md": page("Error codes", [
      "`code` of every `DaemonError`, in answers of the control socket and in the log. `retry` says whether the same call may succeed later.",
      table(
        ["code", "number", "category", "severity", "retry", "what to do"],
        Object.entries(ERROR_CODES).map(([name, { number, category, severity, retryable, remedy }]) => [
          code(name),
          String(number),
          category,
          severity,
          retryable ? "yes" : "no",
          remedy,
        ]),
      ),
    ]),
    "exit_codes.md": page("Exit codes", [
      table(
        ["code", "meaning"],
        Object.entries(EXIT_CODES).map(([name, number]) => [String(number), EXIT_CODE_MEANINGS[name as keyof typeof EXIT_CODES]]),
      ),
      "A daemon that runs in the foreground ends with its own code: that of an essential service that failed for good, or 128 + n after signal n\n" +
      'where `shutdown.exit_code = "signal"`.',
    ]),
    "http.md": page("HTTP routes", [
      [
        "Listeners answer these requests where their `allow` says so; `/v1/openapi.json` describes them with the shape of each answer, and the",
        "routes of further features. A parameter that a route does not have is refused, but for those that any client may ask: health, metrics,",
        "`/v1/status` and `/v1/stop`. A client passes over fields and types of events that it does not know, so that it goes on with a newer",
        "daemon, and refuses an answer in which something that it knows is malformed.",
      ].join("\n"),
      [
        "Every route may also answer one of these, as `application/problem+json` with `code`, `detail` and mostly a `hint`:",
        table(["status", "code", "when"], [
          ["400", code("IPC_PROTOCOL"), "A parameter, a header or the body is not what it must be."],
          ["401", code("IPC_DENIED"), "The token of the listener is missing or wrong, for control."],
          ["403", code("IPC_DENIED"), "The request comes from a page of another site, or `Host` is not of the listener."],
          ["404", code("IPC_PROTOCOL"), "There is no such route, or the listener does not allow it."],
          ["408", code("TIMEOUT"), "The body did not arrive within ten seconds."],
          ["409", code("IPC_PROTOCOL"), "The header `daemonkit-protocol` names another version of the protocol."],
          ["413", code("IPC_PROTOCOL"), "The body is longer than `max_body` of the listener."],
          ["503", code("IPC_BUSY"), "More clients ask than `max_clients` of the listener, for all but health."],
        ]),
      ].join("\n\n"),
      ...routeSections(),
    ]),
  };
}

/** Every key that a configuration can have. */
export function keys(node: Node = DAEMON_PLACES, path: readonly string[] = []): Key[] {
  if (node.type === "map") return keys(node.value, [...path, "NAME"]);
  if (node.type === "leaf") return [{ path: path.join("."), leaf: node }];
  // A template has the keys of what it is for.
  if (node.facts.isTemplate) return [];
  return Object.entries(node.entries).flatMap(([key, child]) => keys(child, [...path, key]));
}

const keysIntroduction = [
  "Every table and key. *Type* is what a value is, with its unit, *value* which ones are right. *Reload* says what a changed value does: `live`",
  "applies at once, `unit` restarts the unit that has the key, `daemon` needs a restart of the daemon. `[defaults.service]` takes every key of",
  "`[service.NAME]`. A key in a fixed table is also `DAEMON_` and its path in the environment: `DAEMON_LOGGING_LEVEL`. Code has the same keys",
  "without underscores (`maxDelay` for `max_delay`), and there a duration may be a number of milliseconds. Every example loads as it is.",
].join("\n");

function keyTables(): string[] {
  const tables = Map.groupBy(keys(), ({ path }) => path.split(".").slice(0, -1).join("."));
  return [...tables].map(([path, rows]) => {
    const title = path === "" ? "At the top" : `\`[${path}]\``;
    const shown = rows.map(({ path, leaf }) => {
      const { about = "", expects = "", reload = "", notYet } = leaf.facts;
      return [
        code(path.split(".").at(-1)!),
        about,
        typeOf(leaf),
        (notYet ? `${expects}; nothing uses it yet, only the default is accepted` : expects).replaceAll("|", "\\|"),
        standardOf(leaf.facts),
        leaf.facts.example === undefined ? "" : code(tomlOf(leaf.facts.example)),
        reload,
      ];
    });
    return `## ${title}\n\n${table(["key", "what it does", "type", "value", "default", "example", "reload"], shown)}`;
  });
}

const KINDS = {
  duration: "duration with its unit",
  milliseconds: "milliseconds",
  size: "size in bytes or with its unit",
  path: "path",
} as const;
const BASES = { string: "text", number: "number", boolean: "true or false", array: "list", table: "table" } as const;

/** The type of a key, with the unit of its values where they have one. */
function typeOf({ facts, bases, item }: LeafNode): string {
  const one = facts.kind === undefined ? undefined : KINDS[facts.kind];
  if (one !== undefined) return item === undefined ? one : `list of ${one}s`;
  return [...bases].map((base) => base === "array" && item !== undefined && bases.size === 1 ? `list of ${typeOf(item)}s` : BASES[base])
    .join(
      " or ",
    );
}

function standardOf({ default: standard, unitFormOf }: Partial<KeyFacts>): string {
  if (unitFormOf !== undefined) return `see ${code(unitFormOf)}`;
  return standard === undefined ? "" : code(tomlOf(standard));
}

/** A value as a file has it: texts, numbers, booleans and lists of TOML are written as those of JSON. */
export function tomlOf(value: unknown): string {
  return Array.isArray(value) ? `[${value.map(tomlOf).join(", ")}]` : JSON.stringify(value);
}

function commandSections(): string[] {
  return COMMANDS.map(({ name, aliases = [], args = "", summary, notes = [], options, examples }) => {
    const others = aliases.length === 0 ? "" : ` Also ${aliases.map(code).join(", ")}.`;
    const rows = options.map((option) => makeOption(option)).map(({ flags, description, argChoices }: Option) => [
      code(flags),
      argChoices === undefined ? description : `${description}: ${argChoices.join(", ")}`,
    ]);
    const lines = examples.map(([line, what]) => `daemonkit ${line}   # ${what}`);
    return [
      `## \`daemonkit ${[name, args].join(" ").trim()}\``,
      `${summary[0].toUpperCase()}${summary.slice(1)}.${others}`,
      ...notes.length === 0 ? [] : [notes.join("\n")],
      ...rows.length === 0 ? [] : [table(["option", "what it does"], rows)],
      ["```sh", ...lines, "```"].join("\n"),
    ].join("\n\n");
  });
}

function routeSections(): string[] {
  return [...Map.groupBy(ROUTES, ({ group }) => group)].flatMap(([group, routes]) => {
    const title = `## ${group[0].toUpperCase()}${group.slice(1)}`;
    return [`${title}\n\nFor whom \`allow\` names \`${routes[0].access}\`.`, ...routes.map(routeSection)];
  });
}

function routeSection(route: RouteDeclaration): string {
  const { method, path, summary, params = {}, query = {}, headers = {}, body, answers, problems = {}, example } = route;
  const bodyFields = body?.schema as { properties: Record<string, FieldSchema>; required: string[] } | undefined;
  const parameters = [
    ...Object.entries({ ...params }).map(([name, shape]) => parameterRow(name, "path", shape.schema, shape.isOptional)),
    ...Object.entries({ ...query }).map(([name, shape]) => parameterRow(name, "query", shape.schema, shape.isOptional)),
    ...Object.entries({ ...headers }).map(([name, shape]) => parameterRow(name, "header", shape.schema, shape.isOptional)),
    ...Object.entries(bodyFields?.properties ?? {}).map(([name, schema]) =>
      parameterRow(name, "body", schema, !bodyFields!.required.includes(name))
    ),
  ];
  const answered = answers.map(({ status, about, content, headers: own = {} }) => [
    String(status),
    [about, ...Object.entries(own).map(([name, says]) => `${code(name)}: ${says}`)].join(" "),
    Object.keys(content).map(code).join(", "),
  ]);
  const refused = Object.entries(problems).map(([status, codes]) => [status, codes.map(code).join(", "), code(PROBLEM_TYPE)]);
  return [
    `### \`${method} ${plainPath(path)}\``,
    summary,
    ...parameters.length === 0 ? [] : [table(["parameter", "in", "value", "what it says"], parameters)],
    table(["status", "what it says", "as"], [...answered, ...refused]),
    [
      "```http",
      `${method} ${example.path}`,
      ...body === undefined ? [] : [JSON.stringify(example.body)],
      "",
      typeof example.answer === "string" ? example.answer : JSON.stringify(example.answer),
      "```",
    ].join("\n"),
  ].join("\n\n");
}

const PROBLEM_TYPE = "application/problem+json";
const TYPE_WORDS: Readonly<Record<string, string>> = { string: "text", array: "texts", integer: "whole number" };

/** As much of a JSON Schema as a row shows. */
interface FieldSchema {
  readonly type?: unknown;
  readonly enum?: readonly unknown[];
  readonly format?: string;
  readonly description?: string;
}

function parameterRow(name: string, place: string, schema: FieldSchema, isOptional = false): string[] {
  const value = schema.enum?.map((each) => code(String(each))).join(", ") ?? schema.format ?? TYPE_WORDS[schema.type as string];
  return [code(name), place, isOptional ? `${value}, optional` : value, schema.description ?? ""];
}

function page(title: string, parts: readonly string[]): string {
  return `${[NOTE, `# ${title}`, ...parts].join("\n\n")}\n`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

function code(text: string): string {
  return `\`${text.replaceAll("|", "\\|")}\``;
}

if (import.meta.main) {
  const isWriting = process.argv.includes("--write");
  for (const [name, text] of Object.entries(referencePages())) {
    const path = `${FOLDER}/${name}`;
    if (isWriting) {
      mkdirSync(FOLDER, { recursive: true });
      writeFileSync(path, text);
    } else if (!existsSync(path) || readFileSync(path, "utf8") !== text) {
      console.log(`${path.slice(ROOT.length + 1)} differs from the program: run with --write`);
      process.exitCode = 1;
    }
  }
}
