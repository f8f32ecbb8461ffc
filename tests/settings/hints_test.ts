import assert from "node:assert/strict";
import type { Node } from "../../src/schema/node.ts";
import { ConfigError, type ConfigIssue } from "../../src/core/values/errors.ts";
import { loadConfig } from "../../src/settings/load_config.ts";
import { DAEMON_PLACES } from "../../src/settings/keys.ts";
import { test } from "../harness.ts";
import { hostOf } from "./config_files.ts";

const WRONG = [
  "5",
  "-5",
  "1.5",
  "true",
  "1e21",
  '"5"',
  '"-5"',
  '"5s"',
  '"true"',
  '"x"',
  '""',
  '"SIGNOPE"',
  '"term"',
  '"15"',
  '"INFO"',
  '"allways"',
  '"unless-stopped"',
  '"999999"',
  '["x"]',
  "[5]",
  "[]",
  "1979-05-27",
];

/** Keys that a table must have besides another one, so that nothing else is wrong. */
const BESIDE: Record<string, string> = { "service.x.ready": 'tcp = "80"', "listen.x": 'address = "127.0.0.1:99"' };
/** Keys that only a listener on a unix socket has. */
const FOR_UNIX = ["listen.x.mode", "listen.x.group", "listen.x.gruop"];

/** Every key with the table that it stands in, and the names by which others know it. */
function keysOf(node: Node, path: string[] = []): { table: string; key: string; node: Node }[] {
  if (node.type === "map") {
    return node.value.type === "leaf" ? [{ table: path.join("."), key: "A", node: node.value }] : keysOf(node.value, [...path, "x"]);
  }
  if (node.type !== "table") return [];
  return Object.entries(node.entries).flatMap(([key, child]) => {
    const names = [key, ...Object.entries(node.facts.aliases ?? {}).flatMap(([alias, meant]) => meant === key ? [alias] : [])];
    const typo = key.length > 4 ? [`${key.slice(0, 2)}${key[3]}${key[2]}${key.slice(4)}`] : [];
    return [
      ...[...names, ...typo].map((name) => ({ table: path.join("."), key: name, node: child })),
      ...child.type === "leaf" ? [] : keysOf(child, [...path, key]),
    ];
  });
}

/** A file whose last line is the entry in question, unless it belongs to the root. */
function fileOf(table: string, key: string, value: string): string {
  const isService = table.startsWith("service.x");
  const isCommand = table === "service.x" && ["run", "module", "command", "cmd", "exec", "script", "entry", "moudle"].includes(key);
  const service = isService && !isCommand ? '[service.x]\nrun = ["x"]\n' : '[service.y]\nrun = ["x"]\n';
  const besides = FOR_UNIX.includes(`${table}.${key}`) ? 'address = "unix:/run/x.sock"' : BESIDE[table];
  const beside = besides === undefined || besides.startsWith(`${key} =`) ? "" : `${besides}\n`;
  if (table === "") return `${key} = ${value}\n${service}`;
  const header = table === "service.x" && !isCommand ? "" : `[${table}]\n`;
  return `${service}${header}${beside}${key} = ${value}\n`;
}

async function issuesOf(text: string): Promise<readonly ConfigIssue[]> {
  try {
    await loadConfig(hostOf({ "/etc/app/daemon.toml": text }));
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.issues;
  }
}

/** Does what a hint says; undefined for a hint that says something else than what to write. */
function followed(text: string, { source, hint = "" }: ConfigIssue): string | undefined {
  if (hint.includes("NAME")) return undefined;
  const line = Number(source.split(":")[1]) - 1;
  const lines = text.split("\n");
  const [, key, value] = /^(\S+) = (.*)$/.exec(lines[line]) ?? [];
  if (key === undefined) return undefined;
  const put = (entry: string | undefined) => {
    if (entry === undefined) lines.splice(line, 1);
    else lines[line] = entry;
    return lines.join("\n");
  };
  if (/^remove /.test(hint)) return put(undefined);
  if (/^move it above/.test(hint)) {
    const [entry] = lines.splice(line, 1);
    return [entry, ...lines].join("\n");
  }
  const entry = /^write ([a-z_]+ = .*)$/.exec(hint)?.[1];
  if (entry !== undefined && !/ for .* or /.test(entry)) return put(entry);
  const either = /^write ("[^"]*") for seconds,? or (?:[a-z_]+ = )?/.exec(hint)?.[1];
  if (either !== undefined) return put(`${key} = ${either}`);
  if (hint === "write it in quotes") return put(`${key} = "${value}"`);
  const fresh = /^write (?:it (?:in|without) quotes: )?([^a-z].*|true|false|-?\d.*)$/.exec(hint)?.[1] ??
    /^did you mean (".*")\?$/.exec(hint)?.[1];
  const at = Number(source.split(":")[2]) - 1;
  if (fresh !== undefined && value.startsWith("[") && at > key.length + 3) {
    return put(lines[line].slice(0, at) + fresh + lines[line].slice(at).replace(/^[^,\]]+/, ""));
  }
  if (fresh !== undefined) return put(`${key} = ${fresh}`);
  const name = /^(?:use|did you mean) ([a-z_]+)\??$/.exec(hint)?.[1];
  return name === undefined ? undefined : put(`${name} = ${value}`);
}

test("every hint, followed, passes: for every key, by every name, with all kinds of wrong values", async () => {
  const bad: string[] = [];
  const told = new Map<string, number>();
  for (const { table, key } of keysOf(DAEMON_PLACES)) {
    if (table.startsWith("defaults.")) continue;
    for (const value of WRONG) {
      const text = fileOf(table, key, value);
      const issues = await issuesOf(text);
      if (issues.length !== 1 || issues[0].hint === undefined) continue;
      const better = followed(text, issues[0]);
      const kind = issues[0].hint.replace(/["[{].*|\d.*/, "");
      if (better === undefined) continue;
      told.set(kind, (told.get(kind) ?? 0) + 1);
      const left = await issuesOf(better);
      // Rules between several keys have a mistake of their own.
      if (left.some(({ message }) => !/unit that exists|unit itself|exactly one of|at least/.test(message))) {
        bad.push(`${table}.${key} = ${value}; ${issues[0].hint} -> ${left[0].message}; ${left[0].hint ?? ""}`);
      }
    }
  }
  assert.deepEqual(bad, []);
  assert.ok([...told.values()].reduce((sum, count) => sum + count, 0) > 200, JSON.stringify([...told]));
});

test("the hint at an https:// probe, followed, passes in either way", async () => {
  const service = (ready: string) => `[service.x]\nrun = ["x"]\nport = 8443\n${ready}\n`;
  for (const url of ["https://127.0.0.1:8443/healthz", "https://api.example.org", "HTTPS://[::1]:{port}/a?b='c'"]) {
    for (const written of [`ready = "${url}"`, `ready = { http = "${url}" }`, `ready.http = "${url}"`]) {
      const [{ message, hint = "" }, ...others] = await issuesOf(service(written));
      assert.deepEqual([others, /expected an http:\/\/ URL/.test(message)], [[], true], message);
      const ways = [...hint.matchAll(/ready\.(?:tcp|exec) = "[^"]*"/g)].map(([way]) => way);
      assert.equal(ways.length, 2, hint);
      for (const way of ways) assert.deepEqual(await issuesOf(service(way)), [], way);
    }
  }
  // Nothing is advised where no address can be told, and secrets are not shown.
  for (const url of ["https://", "https://name:secret@127.0.0.1/", "https://127.0.0.1:nope/", "ws://127.0.0.1/"]) {
    const [{ message, hint }] = await issuesOf(service(`ready = "${url}"`));
    assert.equal(hint, undefined);
    assert.doesNotMatch(message, /secret/);
  }
});
