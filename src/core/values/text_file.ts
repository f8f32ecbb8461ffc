/** Mistake that keeps the bytes of a file from being a text, and its place; both numbers count from 1. */
export interface TextMistake {
  /** The expected and the found text. */
  message: string;
  /** Advice: how to mend it. */
  hint: string;
  /** Line. */
  line: number;
  /** Column, in characters. */
  column: number;
}

/** The text of a file, or why it has none. */
export type FileText = { text: string } | { mistake: TextMistake };

const SAVE = "save the file as UTF-8";

/**
 * Reads the bytes of a file as UTF-8, with or without a mark at its beginning, and with LF at the end of each line, whichever system wrote it.
 *
 * Bytes that are no UTF-8 are a mistake and never replaced: a password would become another one.
 */
export function textOfBytes(bytes: Uint8Array): FileText {
  const other = otherEncoding(bytes);
  if (other !== undefined) return { mistake: { message: `expected UTF-8, got ${other}`, hint: SAVE, line: 1, column: 1 } };
  try {
    return withUnixLineEnds(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    const at = firstBadByte(bytes);
    const byte = bytes[at];
    const hex = `0x${byte.toString(16).toUpperCase().padStart(2, "0")}`;
    const latin = byte >= 0xa0 ? `, which is ${String.fromCharCode(byte)} in Latin-1` : "";
    const place = placeIn(new TextDecoder().decode(bytes.subarray(0, at)).replace(/\r\n?/g, "\n"));
    return { mistake: { message: `expected UTF-8, got the byte ${hex}${latin}`, hint: SAVE, ...place } };
  }
}

/**
 * Ends each line of a text with LF: CR LF is Windows' way, CR that of old Macs. A CR among other line ends is a mistake: it would get into a
 * value unseen.
 */
export function withUnixLineEnds(text: string): FileText {
  const own = text.startsWith("\ufeff") ? text.slice(1) : text;
  if (!own.includes("\r")) return { text: own };
  const unix = own.replaceAll("\r\n", "\n");
  const at = unix.indexOf("\r");
  if (at === -1) return { text: unix };
  if (!own.includes("\n")) return { text: own.replaceAll("\r", "\n") };
  const mistake = { message: "expected lines that end with LF or CR LF, got a CR alone", hint: "remove it, or end the line there" };
  return { mistake: { ...mistake, ...placeIn(unix.slice(0, at)) } };
}

/** The place behind the end of a text. */
export function placeIn(before: string): { line: number; column: number } {
  const lines = before.split("\n");
  return { line: lines.length, column: lines[lines.length - 1].length + 1 };
}

/** The name of another encoding of Unicode, by its mark, or by the zeros that it has in every text of Latin letters. */
function otherEncoding(bytes: Uint8Array): string | undefined {
  const [a, b, c, d] = bytes;
  if ((a === 0xff && b === 0xfe && c === 0 && d === 0) || (a === 0 && b === 0 && c === 0xfe && d === 0xff)) return "UTF-32";
  if ((a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff)) return "UTF-16";
  const isWide = bytes.length >= 4 && (a === 0) !== (b === 0) && (a === 0) === (c === 0) && (b === 0) === (d === 0);
  return isWide ? "UTF-16" : undefined;
}

/** Index of the first byte that begins no character. */
function firstBadByte(bytes: Uint8Array): number {
  for (let at = 0; at < bytes.length;) {
    const size = sizeOfCharacter(bytes, at);
    if (size === 0) return at;
    at += size;
  }
  return bytes.length;
}

/** Bytes of the character that begins at a place, 0 where none does. */
function sizeOfCharacter(bytes: Uint8Array, at: number): number {
  const first = bytes[at];
  if (first < 0x80) return 1;
  const size = first >= 0xc2 && first <= 0xdf ? 2 : first >= 0xe0 && first <= 0xef ? 3 : first >= 0xf0 && first <= 0xf4 ? 4 : 0;
  // The second byte keeps away longer spellings, surrogates, and what is beyond Unicode.
  const least = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const most = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  for (let index = 1; index < size; index++) {
    const byte = bytes[at + index];
    if (byte === undefined || byte < (index === 1 ? least : 0x80) || byte > (index === 1 ? most : 0xbf)) return 0;
  }
  return size;
}
