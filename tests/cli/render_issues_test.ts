import assert from "node:assert/strict";
import { main } from "../../src/cli/main.ts";
import { renderIssues } from "../../src/cli/render_issues.ts";
import type { ConfigIssue } from "../../src/core/values/errors.ts";
import { FakeHost } from "../../src/testing/mod.ts";
import { test } from "../harness.ts";

/** The mistakes in a file of this text as a person sees them. */
function render(text: string | undefined, width: number, ...issues: Partial<ConfigIssue>[]): string[] {
  const whole = issues.map((issue): ConfigIssue => ({
    source: "a.toml:1:1",
    path: "",
    message: "wrong",
    code: "CONFIG_INVALID",
    ...issue,
  }));
  return renderIssues(whole, { paint: (text) => text, read: (path) => path === "a.toml" ? text : undefined, width }).split("\n");
}

test("renderIssues names the place first, shows the line, marks what is wrong, and says what to do", () => {
  const text = 'name = "x"\n[service.api]\nredy = { log = "up" }\nrun = "a b"\n';
  assert.deepEqual(
    render(text, 80, { source: "a.toml:3:1", path: "service.api.redy", hint: "did you mean ready?" }, { source: "a.toml:4:7" }),
    [
      "a.toml:3:1: service.api.redy: wrong",
      '   3 | redy = { log = "up" }',
      "     | ^^^^",
      "     = did you mean ready?",
      "",
      "a.toml:4:7: wrong",
      '   4 | run = "a b"',
      "     |       ^^^^^",
    ],
  );
});

test("renderIssues keeps marks under what is wrong behind tabs, wide lines and characters of two units", () => {
  assert.deepEqual(render("\ta =\t7", 80, { source: "a.toml:1:6" }).slice(1), ["   1 |   a =  7", "     |        ^"]);
  assert.deepEqual(render('x = "😀" # é', 80, { source: "a.toml:1:5" }).slice(1), ['   1 | x = "😀" # é', "     |     ^^^"]);
  const [, line, mark] = render(`list = [${"1, ".repeat(100)}"bad", 2]`, 60, { source: "a.toml:1:309" });
  assert.equal(line.slice(mark.indexOf("^")).slice(0, 5), '"bad"');
  assert.ok(line.length <= 60 && mark.length <= 60);
  assert.deepEqual(render("[a", 80, { source: "a.toml:1:3" }).slice(1), ["   1 | [a", "     |   ^"]);
});

test("renderIssues shows no line where there is none, and none that may hold a secret", () => {
  const issues: Partial<ConfigIssue>[] = [
    { source: "--set" },
    { source: "environment DAEMON_NAME" },
    { source: "b.toml:1:1" },
    { source: "a.toml:9:1" },
    { source: "a.toml:1:1", path: "service.api.env.TOKEN" },
    { source: "a.toml:1:1", path: "defaults.service.env" },
    { source: "a.toml:1:1", path: "other", message: "expected a text, got a value that is not shown" },
  ];
  for (const issue of issues) {
    const lines = render('env = { TOKEN = "secret" }', 80, { ...issue, hint: "do" });
    assert.equal(lines.length, 1, lines.join("\n"));
    assert.ok(lines[0].startsWith(`${issue.source}: `) && lines[0].endsWith("; do"), lines[0]);
  }
});

test("renderIssues shows no variable of a service whose line, or table, has a mistake of another kind", () => {
  for (const before of ["", "[service.api]\n", "[a]\n[service.api.env]\n", '[defaults.service."env"] # x\n']) {
    const isTable = before.includes("env");
    const variable = isTable ? 'TOKEN = "secret" x' : 'a = { rnu = "x", env = { TOKEN = "secret" } }';
    const source = `a.toml:${before.split("\n").length}:1`;
    assert.deepEqual(render(`${before}${variable}\n`, 80, { source }), [`${source}: wrong`]);
  }
  for (const text of ['run = "env"', "environment = 1", "[service.env_like]", 'env_file = ["x"]', "[service.env-a.x]"]) {
    assert.equal(render(text, 80, { source: "a.toml:1:1" }).length, 3, text);
  }
});

test("renderIssues lets no control character through", () => {
  assert.deepEqual(render('a = "\u001b[2J"', 80, { source: "a.toml:1:5" })[1], '   1 | a = ""');
});

test("main shows lines of the file on a terminal only, and mistakes at the start of their lines everywhere", async () => {
  const host = new FakeHost();
  host.files.put("/daemon.toml", 'name = "a b"\nnam = 1\n');
  assert.equal(await main(["validate"], { host }), 6);
  const [head, ...lines] = host.terminal.stderr.trimEnd().split("\n");
  assert.equal(head, "daemonkit: Cannot load the configuration as it has 2 mistakes:");
  assert.deepEqual(lines.map((line) => line.split(" ")[0]), ["daemon.toml:1:8:", "daemon.toml:2:1:"]);

  host.terminal.stderr = "";
  host.terminal.isInteractive = true;
  assert.equal(await main(["run"], { host }), 6);
  assert.ok(host.terminal.stderr.includes("\n\x1b[1mdaemon.toml:1:8\x1b[0m: name: expected "));
  assert.ok(host.terminal.stderr.includes("\x1b[31m^^^^^\x1b[0m"));
});
