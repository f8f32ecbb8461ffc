import assert from "node:assert/strict";
import { Daemon } from "../../src/daemon/daemon.ts";
import { loadConfig } from "../../src/settings/load_config.ts";
import type { ServiceOptions } from "../../src/service/options.ts";
import { test } from "../harness.ts";
import type { LeafNode, Node } from "../../src/schema/node.ts";
import { SERVICE } from "../../src/service/keys.ts";
import { isTable } from "../../src/schema/tree.ts";
import { POOL } from "../schema/pool.ts";
import { hostOf } from "../settings/config_files.ts";

type Keys = Record<string, unknown>;

const TEXTS = ["", "a", " ", "a\0b", 5, true, null, ["a"], {}];
const COUNTS = [-1, 0, 1, 2, 1.5, 1e9, "1", true, null];
const SIZES = [0, 1, 15, 16, "64KiB", "64XB", "", -1, true];
const TIMES = ["5s", "0s", "-1s", "1h30m", "5", "", "s", true, {}];

/** Values of each key, right ones and wrong ones, in the spelling of the file; what else a row needs stands beside it. */
const ROWS: [path: string, values: readonly unknown[], more?: Keys][] = [
  ["run", ["x", ["x", "y"], "", " ", [], [""], [1], 5]],
  ["module", ["a.ts", "", 5], { run: undefined }],
  ["run", ["x"], { module: "a.ts" }],
  ["user", ["www", ""], { run: undefined, module: "a.ts" }],
  ["leftover", ["stop", "adopt"], { run: undefined, module: "a.ts" }],
  ["after", [[], ["db"], ["db:ready"], ["db:nope"], ["x", ""], "db", [5]]],
  ["port", [0, 1, 65_535, 65_536, 1.5, "80", null]],
  ["port", [65_534, 65_535], { instances: 2 }],
  ["env", [{ A: "1" }, { "a.b-c": "1" }, { "A=B": "1" }, { "": "1" }, { "1A": "x" }, { "A B": "x" }, { "x%%": "1" }, { A: 5 }, {
    A: "a\0b",
  }]],
  ["env", [{ constructor: "1" }, JSON.parse('{"__proto__": "1"}')]],
  ["inherit_env", [[], ["A", "LC_*"], [""], ["A=B"], "A", [5]]],
  ["env_file", [[], [".env"], ["?.env"], ["?"], [""], ".env", [5]]],
  ["cwd", TEXTS.filter((text) => text !== "a\0b")],
  ["instances", [0, 1, 1_000, 1_001, 1.5, "2", -1]],
  ["leftover", ["stop", "adopt", "keep", 5]],
  ["essential", [true, false, "true", 1]],
  ["success_exit_codes", [[], [0, 255], [256], [-1], [1.5], ["0"], 0]],
  ["user", ["www", "", 0, 5, -5, 1.5, 1e21, true]],
  ["group", ["www", "", 0, 5, -5, 1.5, true]],
  ["umask", ["027", "028", 0o777, 0o1000, -1, "", 1.5]],
  ["nice", [-20, 19, 20, -21, 1.5, "5"]],
  ["rlimits", [{ nofile: 5 }, { nofile: "x" }, { rss: 1 }, { nofile: { soft: 1, hard: 2 } }, { nofile: { soft: 3, hard: 2 } }]],
  ["oom_score_adj", [-1_000, 1_000, 1_001, -1_001, 1.5, "5"]],
  ["stop.signal", ["SIGINT", "INT", "SIGFOO", "toString", 15, ""]],
  ["stop.timeout", TIMES],
  ["stop.kill_mode", ["all", "group", "process", "none", 5]],
  ["stop.run", ["x", ["x"], "", [], [1]]],
  ["restart", ["never", "on-failure", "always", "sometimes", ""]],
  ["restart.policy", ["never", "on-failure", "always", "sometimes", 5]],
  ["restart.delay", TIMES],
  ["restart.max_delay", TIMES.filter((time) => time !== "0s")],
  ["restart.reset_after", TIMES],
  ["restart.within", TIMES],
  ["restart.factor", [0.5, 1, 2.5, "2", -1]],
  ["restart.jitter", [0, 0.5, 1, -0.1, "0"]],
  ["restart.max_restarts", COUNTS],
  ["restart.on_exhausted", ["fatal", "pause", "escalate", "stop", 5]],
  ["ready", ["http://127.0.0.1:80/", "https://127.0.0.1/", "x", "http://a:b@c/"]],
  ["ready.http", ["http://127.0.0.1:80/x", "ftp://x", "http://127.0.0.1:{port}/", "", 5]],
  ["ready.http", ["http://127.0.0.1:{port}/", "http://127.0.0.1:80{instance}/", "http://127.0.0.1:80/"], { port: 80, instances: 3 }],
  ["ready.tcp", ["127.0.0.1:80", "80", "nowhere", "127.0.0.1:99999", "127.0.0.1:{port}", ""]],
  ["ready.tcp", ["127.0.0.1:{port}", "127.0.0.1:80"], { port: 80, instances: 2 }],
  ["ready.exec", ["x", ["x"], "", []]],
  ["ready.log", ["^up", "(", "", 5]],
  ["ready.alive", ["1s", "0s", "30s", "31s"]],
  ["ready.every", TIMES, { ready: { tcp: "80" } }],
  ["ready.timeout", TIMES, { ready: { tcp: "80" } }],
  ["ready", [{}, { http: "http://x/", tcp: "80" }]],
  ["log.file", ["a.log", "", 5, "{port}.log"]],
  ["log.max_size", SIZES],
  ["log.keep", COUNTS],
  ["log.max_total", ["20MB", "10MB", "30MB", 0, "x"]],
  ["log.format", ["text", "raw", "json", "xml", 5]],
  ["log.max_line", SIZES],
];

/** The same keys in the spelling of code; names of variables and limits are none of ours. */
function inCode(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map((
      [key, each],
    ) => [key.replace(/_(\w)/g, (_, letter) => letter.toUpperCase()), ["env", "rlimits"].includes(key) ? each : inCode(each)]),
  );
}

function keysOf(path: string, value: unknown, more: Keys = {}): Keys {
  const [table, key] = path.split(".");
  const keys: Keys = { run: ["x"], ...more };
  if (key === undefined) keys[table] = value;
  else keys[table] = { ...keys[table] as Keys, [key]: value };
  return keys;
}

async function isTakenByFile(keys: Keys): Promise<boolean> {
  const text = JSON.stringify({ service: { x: keys, db: { run: ["x"] } } });
  return await loadConfig(hostOf({ "/etc/app/daemon.json": text })).then(() => true, (error) => {
    assert.equal(error.category, "config", String(error));
    return false;
  });
}

function isTakenByCode(keys: Keys): boolean {
  try {
    Daemon.builder().withService("db", { run: ["x"] }).withService("x", inCode(keys) as ServiceOptions).build();
    return true;
  } catch (error) {
    assert.ok(error instanceof RangeError || error instanceof TypeError || error instanceof SyntaxError, String(error));
    return false;
  }
}

test("a service in code and one in a file take and refuse the same values", async () => {
  const differences: string[] = [];
  let taken = 0;
  let refused = 0;
  for (const [path, values, more] of ROWS) {
    for (const value of values) {
      const keys = keysOf(path, value, more);
      const [byFile, byCode] = [await isTakenByFile(keys), isTakenByCode(keys)];
      if (byFile) taken++;
      else refused++;
      if (byFile !== byCode) differences.push(`${path} = ${JSON.stringify(value)}: file ${byFile}, code ${byCode}`);
    }
  }
  assert.deepEqual(differences, []);
  assert.ok(taken > 70 && refused > 150, `${taken} ${refused}`);
});

/** Every key of a service by its path, the names of variables included. */
function leavesOf(node: Node, path: string = ""): [path: string, leaf: LeafNode][] {
  if (node.type === "leaf") return [[path, node]];
  if (node.type === "map") return leavesOf(node.value, `${path}.A`);
  return Object.entries(node.entries).flatMap(([key, child]) => leavesOf(child, path === "" ? key : `${path}.${key}`));
}

/** Keys that have to stand beside one that can't be alone. */
const BESIDE: Record<string, Keys> = {
  module: { run: undefined },
  "ready.http": { port: 3_000 },
  "ready.tcp": { port: 3_000 },
  "ready.owner": { ready: { tcp: "80" } },
  "ready.every": { ready: { tcp: "80" } },
  "ready.timeout": { ready: { tcp: "80" } },
};

/** Values to try at a key: those that its declaration names, its bounds and what lies beyond them, and all kinds of others. */
function valuesFor({ facts, bases, choices = [], json }: LeafNode): unknown[] {
  const { minimum, maximum } = json as { minimum?: number; maximum?: number };
  const bounds = [minimum, maximum].flatMap((bound) => bound === undefined ? [] : [bound - 1, bound, bound + 1]);
  const words = Object.keys(facts.meant ?? {});
  const ofKind = POOL.filter((value) => bases.has(Array.isArray(value) ? "array" : isTable(value) ? "table" : typeof value as "string"));
  const all = [
    facts.default,
    facts.example,
    ...choices.slice(0, 5),
    ...words.slice(0, 5),
    ...bounds,
    ...ofKind,
    "a",
    5,
    true,
    ["a"],
    [5],
    {},
  ];
  return [...new Set(all.filter(isData).map((value) => JSON.stringify(value)))].map((text) => JSON.parse(text));
}

/** Whether a file can hold a value. */
function isData(value: unknown): boolean {
  if (typeof value === "number") return Number.isFinite(value) && !Object.is(value, -0);
  if (Array.isArray(value)) return value.every(isData);
  return typeof value === "string" || typeof value === "boolean" || isTable(value);
}

test("each key of a service, with values that its own declaration and all others suggest: code and file take and refuse the same", async () => {
  const differences: string[] = [];
  for (const [path, leaf] of leavesOf(SERVICE)) {
    const answers = new Set<boolean>();
    for (const value of valuesFor(leaf)) {
      const keys = keysOf(path, value, BESIDE[path]);
      const byFile = await isTakenByFile(keys);
      answers.add(byFile);
      // The one difference: a duration is a number of milliseconds in code, and has its unit in a file.
      const isMilliseconds = leaf.facts.kind === "duration" && typeof value === "number";
      if (isMilliseconds ? byFile : byFile !== isTakenByCode(keys)) differences.push(`${path} = ${JSON.stringify(value)}: file ${byFile}`);
    }
    assert.deepEqual(answers, new Set([true, false]), path);
  }
  assert.deepEqual(differences, []);
});
