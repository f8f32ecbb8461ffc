import assert from "node:assert/strict";
import fc from "../../property.ts";
import { textOfBytes, withUnixLineEnds } from "../../../src/core/values/text_file.ts";
import { test } from "../../harness.ts";

/** The bytes of a text in which each character is one byte. */
const bytes = (latin: string) => Uint8Array.from(latin, (char) => char.charCodeAt(0));

function shown(content: Uint8Array): string {
  const read = textOfBytes(content);
  return "text" in read ? JSON.stringify(read.text) : `${read.mistake.line}:${read.mistake.column} ${read.mistake.message}`;
}

test("textOfBytes gives every line the same end, and takes the mark at the beginning away", () => {
  const rows: [string, string][] = [
    ["a\nb", '"a\\nb"'],
    ["a\r\nb\r\n", '"a\\nb\\n"'],
    ["a\rb\r", '"a\\nb\\n"'],
    ["\xef\xbb\xbfa", '"a"'],
    ["caf\xc3\xa9", '"café"'],
    ["", '""'],
  ];
  for (const [content, expected] of rows) assert.equal(shown(bytes(content)), expected);
});

test("textOfBytes refuses what is no UTF-8, with the place and the byte", () => {
  const rows: [string, string][] = [
    ["a = 1\r\nb = caf\xe9", "2:8 expected UTF-8, got the byte 0xE9, which is é in Latin-1"],
    ["\xc3\xa9\xe9", "1:2 expected UTF-8, got the byte 0xE9, which is é in Latin-1"],
    ["x\x80", "1:2 expected UTF-8, got the byte 0x80"],
    ["x\xc3", "1:2 expected UTF-8, got the byte 0xC3, which is Ã in Latin-1"],
    ["\xc0\x80", "1:1 expected UTF-8, got the byte 0xC0, which is À in Latin-1"],
    ["\xed\xa0\x80", "1:1 expected UTF-8, got the byte 0xED, which is í in Latin-1"],
    ["\xff\xfea\0", "1:1 expected UTF-8, got UTF-16"],
    ["\xfe\xff\0a", "1:1 expected UTF-8, got UTF-16"],
    ["a\0=\0", "1:1 expected UTF-8, got UTF-16"],
    ["\0a\0=", "1:1 expected UTF-8, got UTF-16"],
    ["\xff\xfe\0\0a\0\0\0", "1:1 expected UTF-8, got UTF-32"],
    ["a\nb\rc", "2:2 expected lines that end with LF or CR LF, got a CR alone"],
  ];
  for (const [content, expected] of rows) assert.equal(shown(bytes(content)), expected);
});

test("textOfBytes never replaces a byte: it gives the text that has these bytes, or a place within them", () => {
  fc.assert(fc.property(fc.uint8Array(), (content) => {
    const read = textOfBytes(content);
    if ("mistake" in read) assert.ok(read.mistake.line >= 1 && read.mistake.column >= 1);
    else if (!content.includes(13) && content[0] !== 0xef) assert.deepEqual(new TextEncoder().encode(read.text), content);
  }));
});

test("withUnixLineEnds is the same for what has been changed already", () => {
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom("a", "\r", "\n", "\ufeff") }), (text) => {
    const once = withUnixLineEnds(text);
    if ("text" in once && !once.text.startsWith("\ufeff")) assert.deepEqual(withUnixLineEnds(once.text), once);
  }));
});
