import assert from "node:assert/strict";
import type { LineBlock } from "../../src/core/wire/line_block.ts";
import type { PostOptions } from "../../src/core/ports/terminal.ts";
import { FakeClock, FakeTerminal } from "../../src/testing/mod.ts";
import { consoleLines, type ConsoleLinesOptions, consoleSink } from "../../src/log/mod.ts";
import { test } from "../harness.ts";

/** A terminal that knows what was posted at once. */
class PostedTerminal extends FakeTerminal {
  readonly posts: [fd: 1 | 2, text: string][] = [];

  override post(fd: 1 | 2, text: string, options?: PostOptions): boolean {
    this.posts.push([fd, text]);
    return super.post(fd, text, options);
  }
}

const clock = new FakeClock();
/** A sequence that changes colours only. */
const STYLE = new RegExp("\u001b\\[[0-9;]*m", "g");
const record = { timeMs: Date.UTC(2026, 0, 1), level: "info", message: "up", logger: "app", fields: {} } as const;
const line = (name: string, text: string) =>
  ({ time: "2026-01-01T00:00:00.000Z", name, stream: "stderr", text, count: text.split("\n").length }) as const;

async function shown(options: Omit<ConsoleLinesOptions, "terminal" | "clock">, ...lines: LineBlock[]): Promise<string> {
  return await shownOn(new PostedTerminal(), options, ...lines);
}

async function shownOn(
  terminal: PostedTerminal,
  options: Omit<ConsoleLinesOptions, "terminal" | "clock">,
  ...lines: LineBlock[]
): Promise<string> {
  const show = consoleLines({ clock, terminal, ...options });
  for (const each of lines) show(each);
  await null;
  assert.ok(terminal.posts.every(([fd]) => fd === 1));
  return terminal.posts.map(([, text]) => text).join("");
}

test("consoleSink: text or JSON, on stderr unless told otherwise, colours only when told", () => {
  const terminal = new PostedTerminal();
  consoleSink({ clock, terminal })(record);
  consoleSink({ clock, terminal, fd: 1, json: true, color: true })(record);
  consoleSink({ clock, terminal, color: true })(record);
  const [plain, json, colored] = terminal.posts;
  assert.deepEqual(plain, [2, "2026-01-01T00:00:00.000Z INFO  app up\n"]);
  assert.deepEqual(json, [1, '{"time":"2026-01-01T00:00:00.000Z","level":"info","msg":"up","logger":"app"}\n']);
  assert.ok(colored[1].includes("\u001b[32mINFO"));
});

test("consoleLines: names are aligned, and a longer one makes room", async () => {
  const lines = [line("api", "one"), line("worker", "two"), line("worker@10", "three"), line("api", "four")];
  assert.equal(
    await shown({ names: ["api", "worker"] }, ...lines),
    "api    | one\nworker | two\nworker@10 | three\napi       | four\n",
  );
});

test("consoleLines: each name has its colour, what came from stderr a mark, and colours that a unit leaves open are closed", async () => {
  const text = await shown({ names: ["api", "db"], color: true }, line("db", "\u001b[31mred"), line("api", "plain"), {
    ...line("db", "again"),
    stream: "stdout" as const,
  });
  assert.equal(
    text,
    "\u001b[33mdb  \u001b[0m\u001b[31m! \u001b[0m\u001b[31mred\u001b[0m\n\u001b[36mapi \u001b[0m\u001b[31m! \u001b[0mplain\n" +
      "\u001b[33mdb  | \u001b[0magain\n",
  );
});

test("consoleLines: without colours no terminal sequence gets through", async () => {
  const text = await shown({}, line("api", "\u001b[1;31mred\u001b[0m \u001b]0;title\u0007\u001b]8;;http://x\u001b\\link\u001b[2K\u001bM!"));
  assert.equal(text, "api | red link!\n");
});

test("consoleLines: on a terminal nothing but colours acts, however it is broken up, and with NO_COLOR not even these", async () => {
  const terminal = new PostedTerminal();
  terminal.isInteractive = true;
  const resets = ["c", "7", "(0", "#8", "=", "D", "[2J", "\u001b[2J[2J", "[\u00012J", "\u001b[1mc", "[2", ""];
  const hostile = [...resets.map((rest) => `\u001b${rest}`), "\u009b2J", "old\rnew", "a\bb", "\u0007"];
  for (const color of [true, false]) {
    for (const given of hostile) {
      const text = (await shownOn(terminal, { color }, line("api", given))).trimEnd();
      assert.doesNotMatch(color ? text.replaceAll(STYLE, "") : text, /\p{Cc}/u, JSON.stringify(given));
      terminal.posts.length = 0;
    }
  }
});

test("consoleSink, consoleLines: JSON holds no character that a terminal heeds, and means the same", async () => {
  const terminal = new PostedTerminal();
  const message = "\u009b2J \u007f \u001b[2J";
  consoleSink({ clock, terminal, json: true })({ ...record, message });
  const texts = [terminal.posts[0][1], await shown({ json: true }, line("api", message))];
  for (const text of texts) assert.doesNotMatch(text.trimEnd(), /\p{Cc}/u);
  assert.deepEqual(texts.map((text) => JSON.parse(text).msg), [message, " \u007f "]);
});

test("consoleLines: lines that come together stand each behind the name", async () => {
  assert.equal(await shown({}, line("api", "one\n\n$& three")), "api | one\napi | \napi | $& three\n");
});

test("consoleLines: JSON lines are log records", async () => {
  const text = await shown({ json: true, color: true }, line("api", "a\u001b[1mb"));
  assert.deepEqual(JSON.parse(text), {
    time: "2026-01-01T00:00:00.000Z",
    level: "info",
    msg: "ab",
    logger: "api",
    service: "api",
    stream: "stderr",
  });
});

test("consoleLines: a burst is written at once, in order and bounded", async () => {
  const terminal = new PostedTerminal();
  const show = consoleLines({ clock, terminal });
  for (let number = 0; number < 10_000; number++) show(line("api", `line ${number}`));
  await null;
  show(line("api", "after"));
  await null;
  assert.ok(terminal.posts.length < 10, `${terminal.posts.length}`);
  assert.ok(terminal.posts.every(([, text]) => text.length < 70_000));
  const text = terminal.posts.map(([, text]) => text).join("");
  assert.equal(
    text,
    [...Array.from({ length: 10_000 }, (_, number) => `line ${number}`), "after"].map((text) => `api | ${text}\n`).join(""),
  );
});

test("consoleSink, consoleLines: lines that nobody reads are counted, and told of in the form of the console once somebody does", async () => {
  for (const json of [false, true]) {
    const terminal = new FakeTerminal();
    const show = consoleLines({ clock, terminal, json });
    const log = consoleSink({ clock, terminal, json });
    {
      using _stalled = terminal.stall();
      for (let number = 0; number < 100; number++) {
        show(line("api", "x".repeat(99_999).replaceAll("x".repeat(99), `${"x".repeat(98)}\n`)));
        log({ ...record, message: "x".repeat(100_000) });
        await null;
      }
    }
    await until(() => !terminal.isBusy(1) && !terminal.isBusy(2));
    const told = [terminal.stdout, terminal.stderr].map((text) => text.split("\n").at(-2)!);
    for (const [index, text] of told.entries()) {
      assert.match(
        text,
        json ? /^\{.*"msg":"lines are missing here.*"dropped":\d+\}$/ : /WARN {2}console lines are missing here.* dropped=\d+$/,
      );
      const shown = [terminal.stdout, terminal.stderr][index].split("\n").length - 2;
      assert.equal(Number(/dropped"?[:=](\d+)/.exec(text)![1]) + shown, index === 0 ? 101_100 : 100);
    }
  }
});

/** Lets everything happen that can without time. */
async function until(isSo: () => boolean): Promise<void> {
  for (let turns = 0; !isSo() && turns < 10_000; turns++) await null;
  assert.ok(isSo());
}
