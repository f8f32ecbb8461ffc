import assert from "node:assert/strict";
import { ReadyLine } from "../../src/service/ready_line.ts";
import { test } from "../harness.ts";

const block = (text: string) => ({ time: "", name: "api", stream: "stdout" as const, text, count: text.split("\n").length });

test("ReadyLine.isIn looks at what a person sees", () => {
  const rows: [pattern: RegExp, line: string, isIn: boolean][] = [
    [/ready in \d+ ms/, "  \u001b[32mVITE\u001b[39m v5 \u001b[2mready in\u001b[22m \u001b[1m312\u001b[22m ms", true],
    [/^ready$/, "\u001b[32mready\u001b[0m", true],
    [/^ready$/, "10%\r50%\rready", true],
    [/^50%$/, "10%\r50%\rready", true],
    [/^ready$/, "starting\rready   ", true],
    [/^ready$/, "starting\u001b[2K\u001b[1Gready", true],
    [/^ready$/, "\u0007ready", true],
    [/^ready$/, "\u001b]0;title\u0007ready", true],
    [new RegExp("\u001b\\[32mready"), "\u001b[32mready", true],
    [/^ready$/, "\u001b[38;2;1;2;3mrea\u001b[4:3mdy\u001b[m\u001b(B", true],
    [/^ready$/, "\u009b32mready\u009b0m", true],
    [/^ready$/, "\u001b]8;;http://x\u001b\\ready\u001b]8;;\u001b\\", true],
    [/^ready$/, "\u001bPq#0\u001b\\ready", true],
    [/^ready$/, "\ufeffready", true],
    [/^ready$/, "|\b/\b-\bready", true],
    [
      /Local: +http:\/\/localhost:5173\/$/,
      "\u001b[1mLocal\u001b[22m:   \u001b[36mhttp://localhost:\u001b[1m5173\u001b[22m/\u001b[39m",
      true,
    ],
    [/^ready$/, "already", false],
    [/^ready$/, "rea\rdy", false],
  ];
  for (const [pattern, line, isIn] of rows) assert.equal(new ReadyLine(pattern).isIn(block(`first\n${line}`)), isIn, JSON.stringify(line));
});

test("ReadyLine.isIn looks at a line that comes in pieces as a whole, each stream for itself", () => {
  const ready = new ReadyLine(/^listening on 80$/);
  assert.ok(!ready.isIn({ ...block("listening "), open: true }));
  assert.ok(!ready.isIn({ ...block("on 80"), stream: "stderr" }));
  assert.ok(!ready.isIn({ ...block("on "), continues: true, open: true }));
  assert.ok(ready.isIn({ ...block("80\nnext"), continues: true }));
  assert.ok(!new ReadyLine(/^listening on 80$/).isIn(block("on 80")));
});
