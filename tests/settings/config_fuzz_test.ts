import assert from "node:assert/strict";
import fc from "../property.ts";
import { ConfigError } from "../../src/core/values/errors.ts";
import { loadConfig } from "../../src/settings/load_config.ts";
import { checkNeeds } from "../../src/settings/needs.ts";
import { FakeHost } from "../../src/testing/mod.ts";
import { test } from "../harness.ts";

const SAMPLE = `name = "fuzz"
work_dir = "."
hot_reload = true
[logging]
level = "debug"
file = "fuzz.log"
[shutdown]
timeout = "5s"
force_timeout_ms = 9000
[defaults.service]
env = { A = "1", "b.c" = 'x' }
[service.db]
run = """
set -e
echo "\${HOME}"
"""
restart = "always"
[service.web]
run = ["serve", "--port", "{port}"]
after = ["db:started"]
port = 3000
instances = 2
env_file = ["?.env"]
ready = { http = "http://127.0.0.1:{port}/", timeout = "10s" }
stop.signal = "SIGINT"
rlimits = { nofile = { soft = 10, hard = 20 } }
log = { file = "web.{instance}.log", max_size = "1MB" }
[listen.http]
address = "127.0.0.1:9900"
allow = ["health"]
`;

/** Keys and values that lead deep into the schema, and others that lead nowhere. */
const word = fc.oneof(
  fc.constantFrom(
    "name",
    "service",
    "x",
    "run",
    "env",
    "ready",
    "http",
    "after",
    "stop",
    "timeout",
    "restart",
    "listen",
    "defaults",
    "__proto__",
  ),
  fc.constantFrom(
    "logging",
    "level",
    "shutdown",
    "timeout_ms",
    "instances",
    "port",
    "user",
    "log",
    "file",
    "rlimits",
    "nofile",
    "constructor",
    "",
  ),
  fc.string({ maxLength: 4 }),
);
const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof(
    { maxDepth: 5 },
    fc.oneof(word, fc.integer(), fc.double(), fc.boolean(), fc.constantFrom(null, "5s", "${NOPE}", "${X:-5}", "http://127.0.0.1:{port}/")),
    fc.array(tie("tree"), { maxLength: 3 }),
    fc.dictionary(word, tie("tree"), { maxKeys: 4 }),
  ),
}));

/** A sample in which a few pieces were cut, doubled, moved or replaced. */
function mutated(text: string): fc.Arbitrary<string> {
  const place = fc.nat({ max: text.length });
  const piece = fc.oneof(
    fc.constantFrom("[", "]", "{", "}", "=", '"', "'", '"""', "\n", "\r", ".", "[[", "#", "\\", "\0", "é", "${"),
    word,
  );
  const change = fc.record({ from: place, size: fc.nat({ max: 12 }), put: fc.oneof(piece, place.map((at) => text.slice(at, at + 20))) });
  return fc.array(change, { minLength: 1, maxLength: 4 }).map((changes) =>
    changes.reduce((each, { from, size, put }) => each.slice(0, from) + put + each.slice(from + size), text)
  );
}

/** The result of reading any text: a configuration, or mistakes that each have a place and a message. */
async function readAll(name: string, content: string | Uint8Array, env: string | Uint8Array = ""): Promise<void> {
  const host = new FakeHost({ env: { HOME: "/" } });
  host.processes.program("serve", () => {});
  host.files.put(`/etc/app/${name}`, content);
  host.files.put("/etc/app/.env", env);
  try {
    const loaded = await loadConfig({ files: host.files, env: host.env, cwd: "/etc/app" }, { path: name });
    const { problems } = await checkNeeds(loaded, host);
    for (const { source } of await loaded.issuesOf(problems)) assert.notEqual(source, "");
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    assert.ok(error.issues.length > 0);
    for (const { source, message } of error.issues) assert.ok(source !== "" && message !== "");
  }
}

const RUNS = { numRuns: 300 };

test("no configuration, whatever its bytes, is answered by anything but a configuration or its mistakes", async () => {
  for (const name of ["daemon.toml", "daemon.json"]) {
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), (bytes) => readAll(name, bytes)), RUNS);
    await fc.assert(fc.asyncProperty(fc.string({ unit: "binary", maxLength: 40 }), (text) => readAll(name, text)), RUNS);
  }
});

test("no TOML that is nearly right is answered by anything but its mistakes", async () => {
  await fc.assert(fc.asyncProperty(mutated(SAMPLE), (text) => readAll("daemon.toml", text)), { numRuns: 600 });
});

test("no JSON of any shape is answered by anything but its mistakes", async () => {
  await fc.assert(fc.asyncProperty(tree, (value) => readAll("daemon.json", JSON.stringify(value))), RUNS);
  const root = fc.dictionary(word, tree, { maxKeys: 5 });
  await fc.assert(fc.asyncProperty(root, (value) => readAll("daemon.json", JSON.stringify(value))), { numRuns: 600 });
  await fc.assert(
    fc.asyncProperty(tree, (value) => readAll("daemon.json", JSON.stringify({ service: { x: value, y: { run: ["serve"] } } }))),
    RUNS,
  );
});

test("no env file, whatever its bytes, is answered by anything but its variables or its mistake", async () => {
  const sample = "A=1\nexport B='x y' # c\nC=\"a\\n\nb\"\nD=#1\n";
  const env = fc.oneof(fc.uint8Array({ maxLength: 40 }), mutated(sample), fc.string({ unit: "binary", maxLength: 30 }));
  await fc.assert(fc.asyncProperty(env, (content) => readAll("daemon.toml", SAMPLE, content)), RUNS);
});
