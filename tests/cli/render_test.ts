import assert from "node:assert/strict";
import { plainCell, renderOutcomes, renderStatus, renderTable } from "../../src/cli/render.ts";
import { FakeOperations, fakeUnit } from "../control/fake_operations.ts";
import { test } from "../harness.ts";

const paint = (text: string) => text;

test("renderTable makes columns as wide as their longest text and numbers right", () => {
  const rows = [[{ text: "a" }, { text: "7", right: true }, { text: "x" }], [{ text: "long-name" }, { text: "1234", right: true }, {
    text: "",
  }]];
  assert.equal(renderTable(["NAME", "PID", "WHY"], rows, { paint }), "NAME        PID  WHY\na             7  x\nlong-name  1234");
});

test("renderTable cuts the last column to the width, then the first", () => {
  const rows = [[{ text: "a-rather-long-name" }, { text: "a rather long reason" }]];
  for (
    const [width, line] of [[40, "a-rather-long-name  a rather long reason"], [32, "a-rather-long-name  a rather lo…"], [
      20,
      "a-rather-…  a rathe…",
    ]] as const
  ) {
    assert.equal(renderTable(["NAME", "WHY"], rows, { paint, width }).split("\n")[1], line);
  }
});

test("renderOutcomes gives the reason only where the unit is not as wanted", () => {
  const units = [
    { name: "db", state: "running", outcome: "started", ok: true, reason: "start" },
    { name: "api", state: "fatal", outcome: "failed", ok: false, reason: "exited with code 1" },
  ] as const;
  assert.equal(renderOutcomes(units, { paint }), "db   started\napi  failed: exited with code 1");
});

test("renderStatus leaves the unit's own name out of its reason, and names the next step for one that is down, on terminals only", () => {
  const operations = new FakeOperations([
    fakeUnit("db", { state: "restarting", reason: "db exited with code 3" }),
    fakeUnit("web", { state: "fatal", reason: "web: Cannot start /x as there is no file /x" }),
    fakeUnit("webber", { state: "skipped", reason: "webhook is away" }),
    fakeUnit("slow", { state: "starting", ready: false }),
  ]);
  const options = { paint, nowMs: 0, program: "my-app" };
  const [, , head, ...rows] = renderStatus(operations.status(), options).split("\n");
  const reasons = rows.map((row) => row.slice(head.indexOf("REASON")));
  assert.deepEqual(reasons, ["exited with code 3", "Cannot start /x as there is no file /x", "webhook is away", "is not ready yet"]);
  const last = renderStatus(operations.status(), { ...options, width: 120 }).split("\n").at(-1);
  assert.equal(last, "next: `my-app logs web` may tell why, `my-app start web` tries again");
});

test("renderStatus says what an operator would not expect of a unit that runs: adopted, blocked, with escaped processes", () => {
  const units = [
    fakeUnit("db", { details: { pid: 4242, adopted: true } }),
    fakeUnit("api", { details: { heartbeat: "none for 7s" } }),
    fakeUnit("old", { state: "restarting", reason: "old exited with code 3", details: { escaped: [17, 18] } }),
    fakeUnit("job", { details: { pid: null, ending: [19] } }),
    fakeUnit("web"),
  ];
  const [, , head, ...rows] = renderStatus(new FakeOperations(units).status(), { paint, nowMs: 0, program: "daemonkit" }).split("\n");
  const reasons = [
    "adopted from an earlier daemon",
    "blocked: its heartbeat is missing, none for 7s",
    "exited with code 3; an earlier run left: 17, 18",
    "its program has ended, what it started is being ended: 19",
    "",
  ];
  assert.deepEqual(rows.map((row) => row.slice(head.indexOf("REASON"))), reasons);
});

test("plain takes away what would move the cursor", () => {
  assert.equal(plainCell("a\u001b[2Jb\r\nc\u0007"), "ab c ");
  assert.equal(plainCell("a\u001b]0;title\u0007b\u001b[?25lc\u009b2J"), "abc");
});
