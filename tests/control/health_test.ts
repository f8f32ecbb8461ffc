import assert from "node:assert/strict";
import { controlHandler } from "../../src/control/mod.ts";
import { silentLogger } from "../../src/core/ports/log.ts";
import type { UnitStatus } from "../../src/core/supervise/operations.ts";
import { test } from "../harness.ts";
import { FakeOperations, fakeUnit } from "./fake_operations.ts";

/** A daemon with these units, and what it answers: status, text and headers. */
function daemon(...units: UnitStatus[]) {
  const operations = new FakeOperations(units);
  const handler = controlHandler({ operations, version: "9.9.9", protocol: 1, log: silentLogger });
  const ask = async (path: string, init?: RequestInit) => {
    const response = await handler(new Request(`http://localhost${path}`, init));
    return { status: response.status, text: await response.text(), headers: response.headers };
  };
  const brief = async (path: string) => {
    const { status, text } = await ask(path);
    return `${status} ${text.trimEnd()}`;
  };
  return { operations, ask, brief };
}

// Acceptance runner 64: readyz is 503 while a required service is invalid; the version is real.
test("/readyz counts who should be up and is not, and nobody else", async () => {
  const rows: [Partial<UnitStatus>, string][] = [
    [{ state: "running", ready: null }, "200 ok"],
    [{ state: "running", ready: true }, "200 ok"],
    [{ state: "running", ready: false, reason: "probing" }, "503 not ready: x (running: probing)"],
    [{ state: "waiting", ready: false, reason: "waits for db" }, "503 not ready: x (waiting: waits for db)"],
    [
      { state: "starting", ready: false, reason: "start", details: { probe: "connection refused" } },
      "503 not ready: x (starting: connection refused)",
    ],
    [{ state: "restarting", ready: false, reason: "exited with code 1" }, "503 not ready: x (restarting: exited with code 1)"],
    [{ state: "failed", reason: "exited with code 1" }, "503 not ready: x (failed: exited with code 1)"],
    [{ state: "fatal", reason: "crash loop" }, "503 not ready: x (fatal: crash loop)"],
    [{ state: "skipped", reason: "db failed" }, "503 not ready: x (skipped: db failed)"],
    [{ state: "stopping", reason: "restart" }, "503 not ready: x (stopping: restart)"],
    [{ state: "completed", reason: "" }, "200 ok"],
    [{ state: "stopped", desired: "down" }, "200 ok"],
    [{ state: "stopping", desired: "down" }, "200 ok"],
    // Stopped with what it comes after, and starts with it again.
    [{ state: "stopped", desired: "up", reason: "stopped with redis" }, "503 not ready: x (stopped with redis)"],
    [{ state: "fatal", desired: "down", reason: "did not stop" }, "200 ok"],
  ];
  for (const [unit, expected] of rows) {
    const { brief } = daemon(fakeUnit("x", unit));
    assert.equal(await brief("/readyz"), expected);
    assert.equal(await brief("/healthz"), expected);
  }
});

test("health while the daemon starts, runs and stops", async () => {
  const { operations, brief, ask } = daemon(fakeUnit("x"));
  const all = async () => [await brief("/livez"), await brief("/readyz"), await brief("/startupz")];
  operations.state = "starting";
  operations.hasStarted = false;
  assert.deepEqual(await all(), ["200 ok", "503 not ready: daemon (starting)", "503 not ready: daemon (starting)"]);
  assert.equal((await ask("/readyz")).headers.get("retry-after"), "1");
  operations.state = "running";
  operations.hasStarted = true;
  assert.deepEqual(await all(), ["200 ok", "200 ok", "200 ok"]);
  assert.equal((await ask("/readyz")).headers.get("retry-after"), null);
  operations.state = "stopping";
  assert.deepEqual(await all(), ["200 ok", "503 not ready: daemon (stopping)", "200 ok"]);
  assert.equal(await brief("/readyz/x"), "503 not ready: daemon (stopping)");
});

test("/readyz?verbose has a line for each check, and exclude leaves checks out, by comma and by repeating", async () => {
  const { brief } = daemon(
    fakeUnit("db", { state: "completed" }),
    fakeUnit("api@0", { state: "starting", ready: false, reason: "start" }),
    fakeUnit("web", { state: "restarting", reason: "exited with code 1" }),
    fakeUnit("off", { state: "stopped", desired: "down", reason: "stopped by an operator" }),
  );
  assert.equal(
    await brief("/readyz?verbose&exclude=API"),
    [
      "503 [+]daemon ok",
      "[+]db ok",
      "[+]api@0 excluded",
      "[-]web restarting: exited with code 1",
      "[+]off stopped by an operator",
      "readyz check failed",
    ].join("\n"),
  );
  for (const query of ["exclude=api,web", "exclude=api&exclude=web", "exclude=api@0,%20web&exclude="]) {
    assert.equal(await brief(`/readyz?${query}`), "200 ok", query);
  }
  assert.match(await brief("/readyz?verbose=1&exclude=nobody"), /^cannot exclude nobody: there is no such check$/m);
  assert.equal(await brief("/livez?verbose"), "200 livez check passed");
});

test("/readyz/NAME tells of one unit or of all instances of a service, also of one that was stopped on purpose", async () => {
  const { brief, ask } = daemon(
    fakeUnit("db"),
    fakeUnit("once", { state: "completed" }),
    fakeUnit("off", { state: "stopped", desired: "down", reason: "by hand" }),
    fakeUnit("group/inner", { state: "failed", reason: "x" }),
  );
  assert.deepEqual(
    [await brief("/readyz/db"), await brief("/readyz/once"), await brief("/readyz/off"), await brief("/readyz/group/inner")],
    [
      "200 ok",
      "200 ok",
      "503 not ready: off (stopped: by hand)",
      "503 not ready: group/inner (failed: x)",
    ],
  );
  const unknown = await ask("/readyz/dbb");
  assert.deepEqual([unknown.status, JSON.parse(unknown.text).hint], [404, 'did you mean "db"?']);
  assert.equal((await ask("/readyz/zz*")).status, 404);
});

test("health answers JSON for who accepts it, and HEAD without a body", async () => {
  const { ask } = daemon(fakeUnit("db"), fakeUnit("web", { state: "failed", reason: "exited with code 1" }));
  const accept = { headers: { accept: "application/json" } };
  assert.deepEqual(JSON.parse((await ask("/readyz", accept)).text), {
    v: 1,
    ok: false,
    missing: [{ name: "web", reason: "failed: exited with code 1" }],
  });
  const { checks } = JSON.parse((await ask("/readyz?verbose", accept)).text);
  assert.deepEqual(checks.map(({ name, ok }: { name: string; ok: boolean }) => [name, ok]), [["daemon", true], ["db", true], [
    "web",
    false,
  ]]);
  for (const [path, expected] of [["/livez", 200], ["/readyz", 503], ["/startupz", 200]] as const) {
    const { status, text } = await ask(path, { method: "HEAD" });
    assert.deepEqual([status, text], [expected, ""]);
  }
});
