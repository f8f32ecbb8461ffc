import assert from "node:assert/strict";
import fc from "../../property.ts";
import { LineSplitter } from "../../../src/core/wire/lines.ts";
import { test } from "../../harness.ts";

const encoder = new TextEncoder();

/** The output of a splitter for these chunks. */
function split(maxLineBytes: number, chunks: readonly Uint8Array[]): string[] {
  const lines: string[] = [];
  const splitter = new LineSplitter(maxLineBytes, (text, count) => {
    const texts = text.split("\n");
    assert.equal(count, texts.length);
    lines.push(...texts);
  });
  for (const chunk of chunks) {
    const reused = chunk.slice();
    splitter.push(reused);
    reused.fill(0);
  }
  splitter.end();
  return lines;
}

/** The same by the book: cut at line ends, then cut what is too long in front of the first character that does not fit. */
function model(maxLineBytes: number, text: string): string[] {
  const lines = text.split("\n");
  const last = lines.pop()!;
  const whole = lines.map((line) => line.endsWith("\r") ? line.slice(0, -1) : line);
  if (last !== "") whole.push(last);
  return whole.flatMap((line) => {
    const pieces = [""];
    for (const character of line) {
      const piece = pieces.at(-1)! + character;
      if (encoder.encode(piece).length > maxLineBytes) pieces.push(character);
      else pieces[pieces.length - 1] = piece;
    }
    return pieces;
  });
}

test("LineSplitter: a limit that can't hold one character is refused", () => {
  for (const bad of [0, 3, -1, 1.5, NaN, Infinity, "64KiB" as unknown as number]) {
    assert.throws(() => new LineSplitter(bad, () => {}), RangeError, String(bad));
  }
});

test("LineSplitter: lines, line ends and the last line", () => {
  const rows: [text: string, lines: string[]][] = [
    ["", []],
    ["\n", [""]],
    ["a\nb\n", ["a", "b"]],
    ["a\nb", ["a", "b"]],
    ["a\r\nb\r\n", ["a", "b"]],
    ["\r\n\r\n", ["", ""]],
    ["10%\r20%\r\n", ["10%\r20%"]],
    ["a\r", ["a\r"]],
    ["a\r\r\n", ["a\r"]],
    ["\ufeffa\n\ufeffb", ["\ufeffa", "\ufeffb"]],
  ];
  for (const [text, lines] of rows) assert.deepEqual(split(64, [encoder.encode(text)]), lines, JSON.stringify(text));
});

test("LineSplitter: a line of exactly the limit is one line, with either line end and wherever the read cuts it", () => {
  for (const end of ["", "\n", "\r\n"]) {
    const bytes = encoder.encode(`12345678${end}`);
    for (let cut = 0; cut <= bytes.length; cut++) {
      assert.deepEqual(split(8, [bytes.subarray(0, cut), bytes.subarray(cut)]), ["12345678"], `${JSON.stringify(end)} cut at ${cut}`);
    }
  }
});

test("LineSplitter: a split by the limit never cuts a character", () => {
  assert.deepEqual(split(4, [encoder.encode("ab€c𝄞de\n")]), ["ab", "€c", "𝄞", "de"]);
  assert.deepEqual(split(5, [encoder.encode("𝄞𝄞\n")]), ["𝄞", "𝄞"]);
});

test("LineSplitter: bytes that are no UTF-8 become U+FFFD and stop nothing", () => {
  assert.deepEqual(split(8, [Uint8Array.of(0xff, 0x61, 10, 0xe2, 0x82, 10, 0x62)]), ["\ufffda", "\ufffd", "b"]);
  const continuation = new Uint8Array(20).fill(0x80);
  assert.equal(split(8, [continuation]).join(""), "\ufffd".repeat(20));
});

test("LineSplitter: any text in any chunks comes out as the model says", () => {
  const text = fc.array(fc.constantFrom("a", "bc", "é", "€", "𝄞", "\n", "\r\n", "\r", "0123456789"), { maxLength: 60 }).map((parts) =>
    parts.join("")
  );
  fc.assert(
    fc.property(
      text,
      fc.integer({ min: 4, max: 24 }),
      fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 40 }),
      (text, limit, sizes) => {
        const bytes = encoder.encode(text);
        const chunks: Uint8Array[] = [];
        let from = 0;
        for (const size of sizes) chunks.push(bytes.subarray(from, from += size));
        chunks.push(bytes.subarray(from));
        assert.deepEqual(split(limit, chunks), model(limit, text));
      },
    ),
    { numRuns: 2_000 },
  );
});

// Acceptance runner 39: a line of 50 MB without an end: bounded memory, split, continues.
test("LineSplitter: a line of 50 MB without an end comes in pieces of the limit, and the next line follows (runner 39)", () => {
  const limit = 65_536;
  const lengths = new Map<number, number>();
  let last = "";
  const splitter = new LineSplitter(limit, (text, count) => {
    assert.equal(count, 1);
    lengths.set(text.length, (lengths.get(text.length) ?? 0) + 1);
    last = text;
  });
  const chunk = new Uint8Array(65_536 - 1_000).fill(0x78);
  const total = Math.ceil(50e6 / chunk.length) * chunk.length;
  for (let sent = 0; sent < total; sent += chunk.length) splitter.push(chunk);
  splitter.push(encoder.encode("\nnext\n"));
  splitter.end();
  assert.equal(last, "next");
  assert.equal(lengths.get(limit), Math.floor(total / limit));
  assert.equal(lengths.get(total % limit), 1);
});

test("LineSplitter: 100,000 lines come out once and in order, whatever the chunks (runner 40)", () => {
  const bytes = encoder.encode(Array.from({ length: 100_000 }, (_, index) => `line ${index}\n`).join(""));
  for (const size of [1_000, 4_096, 65_536, bytes.length]) {
    let next = 0;
    const splitter = new LineSplitter(65_536, (text) => {
      for (const line of text.split("\n")) assert.equal(line, `line ${next++}`);
    });
    for (let from = 0; from < bytes.length; from += size) splitter.push(bytes.subarray(from, from + size));
    splitter.end();
    assert.equal(next, 100_000, `chunks of ${size}`);
  }
});

// Acceptance runner 47: a character of several bytes that is cut by a read stays whole.
test("LineSplitter: characters cut by a read stay whole (runner 47)", () => {
  const text = "é€𝄞".repeat(50);
  assert.deepEqual(split(1_024, Array.from(encoder.encode(`${text}\n`), (byte) => Uint8Array.of(byte))), [text]);
});

test("LineSplitter.limit counts for what follows, and cuts what is held back", () => {
  const lines: string[] = [];
  const splitter = new LineSplitter(16, (text) => lines.push(...text.split("\n")));
  splitter.push(encoder.encode("0123456789"));
  splitter.limit(4);
  assert.deepEqual(lines, ["0123", "4567"]);
  splitter.push(encoder.encode("ab\n"));
  splitter.limit(64);
  splitter.push(encoder.encode("0123456789\n"));
  assert.deepEqual(lines, ["0123", "4567", "89ab", "0123456789"]);
  assert.throws(() => splitter.limit(3), RangeError);
});

/** The lines that a splitter hands on, with its edges; "" stands for a pause. */
function paused(...chunks: string[]): string[] {
  const out: string[] = [];
  const splitter = new LineSplitter(
    16,
    (text, _count, { continues, open }) => out.push(`${continues ? "…" : ""}${text}${open ? "…" : ""}`),
  );
  for (const chunk of chunks) {
    if (chunk === "") splitter.flush();
    else splitter.push(Uint8Array.from(chunk, (character) => character.charCodeAt(0)));
  }
  splitter.end();
  return out;
}

test("LineSplitter.flush hands on a line that has no end yet, and what follows of it as its next piece", () => {
  const rows: [chunks: string[], out: string[]][] = [
    [["Password: ", ""], ["Password: …"]],
    [["", "a\n", ""], ["a"]],
    [["a", "", ""], ["a…"]],
    [["a", "", "b", "", "c\nd\n"], ["a…", "…b…", "…c\nd"]],
    // A line end that comes alone ends the line, and is no line.
    [["a", "", "\n"], ["a…"]],
    [["a", "", "\r\n", "b\n"], ["a…", "b"]],
    [["a\r", "", "\n\n"], ["a…", ""]],
    [["a\r", ""], ["a…"]],
    [["10%\r", "", "20%\r", "", "\n"], ["10%…", "…\r20%…"]],
    // Half a character waits for the other half.
    [["\xe2\x82", "", "\xac\n"], ["€"]],
    [["a\xf0\x9f", "", "\x98\x80", "", "\n"], ["a…", "…😀…"]],
    [["a\xff", "", "b\n"], ["a\ufffd…", "…b"]],
    // A piece that is longer than the limit is cut as ever.
    [["a", "", "x".repeat(20) + "\n"], ["a…", `…${"x".repeat(16)}`, "xxxx"]],
  ];
  for (const [chunks, out] of rows) assert.deepEqual(paused(...chunks), out, JSON.stringify(chunks));
});

test("LineSplitter.flush at any time loses nothing, repeats nothing and cuts no character", () => {
  const part = fc.oneof(fc.constantFrom("\n", "\r\n", "\r", "é", "€", "😀", "a", "bc"), fc.constant(""));
  fc.assert(
    fc.property(fc.array(part, { maxLength: 40 }), fc.integer({ min: 1, max: 5 }), (parts, step) => {
      const bytes = encoder.encode(parts.join(""));
      let out = "";
      let isOpen = false;
      const splitter = new LineSplitter(1_000, (text, _count, { continues, open }) => {
        if (isOpen && !continues) out += "\n";
        out += open ? text : `${text}\n`;
        isOpen = open === true;
      });
      for (let from = 0; from < bytes.length; from += step) {
        splitter.push(bytes.subarray(from, from + step));
        splitter.flush();
      }
      splitter.end();
      const lines = (text: string) => text.replaceAll(/\r+\n/g, "\n").replace(/[\r\n]+$/, "");
      assert.equal(lines(out), lines(parts.join("")));
    }),
    { numRuns: 2_000 },
  );
});

test("LineSplitter tells of every byte once and in order, whatever it is and wherever it pauses", () => {
  const chunks = fc.array(fc.uint8Array({ maxLength: 20 }).map((bytes) => bytes.map((byte) => byte < 40 ? 10 : byte < 60 ? 13 : byte)), {
    maxLength: 30,
  });
  fc.assert(
    fc.property(chunks, fc.integer({ min: 4, max: 24 }), fc.integer({ min: 1, max: 5 }), (chunks, limit, step) => {
      const told: number[] = [];
      const splitter = new LineSplitter(limit, () => {}, (bytes) => told.push(...bytes));
      chunks.forEach((chunk, index) => {
        splitter.push(chunk);
        if (index % step === 0) splitter.flush();
      });
      splitter.end();
      assert.deepEqual(told, chunks.flatMap((chunk) => [...chunk]));
    }),
    { numRuns: 2_000 },
  );
});
