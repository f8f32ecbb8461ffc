/** How a piece of output stands to the line that it is a part of, where that is not handed on whole. */
export interface LineEdges {
  /** Its first line goes on with what was handed on before. */
  readonly continues?: boolean;
  /** Its last line has not ended. */
  readonly open?: boolean;
}

/** Smallest limit: the longest character takes four bytes. */
const MIN_LINE_BYTES = 4;
const NEWLINE = 10;
const RETURN = 13;

/**
 * Cuts a stream of bytes into lines of text; every byte of valid UTF-8 comes out once and in order, but for the line ends.
 *
 * - A line ends with `\n` or `\r\n`; what follows the last one comes out at {@linkcode LineSplitter.end}.
 * - A line longer than `maxLineBytes` comes in several pieces, never cut inside a character. No more than one line is held back.
 * - Bytes that are no UTF-8 become U+FFFD.
 * - The held part of a line that does not go on, such as a prompt, comes out by {@linkcode LineSplitter.flush}; what follows of that
 *   line is the next piece, and its line end alone is none.
 * - Lines that come together are handed on together, joined by `\n`, with their number: one text a read costs a tenth of one text a line.
 * - `onBytes` is told of the bytes of each text before `onLines` gets that, and of a line end that comes alone: every byte once and in
 *   order, whatever it is. They are valid during the call only.
 * - `onLines` is called before `push` returns. When it throws, so does `push`, and the splitter must not be used any more.
 */
export class LineSplitter {
  readonly #onLines: (text: string, count: number, edges: LineEdges) => void;
  readonly #onBytes: (bytes: Uint8Array, count: number) => void;
  #maxLineBytes: number;
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  /** The beginning of a line whose end has not come, grown on demand up to the limit and its line end. */
  #held = new Uint8Array(0);
  #heldBytes = 0;
  /** A part of the present line was flushed. */
  #isFlushed = false;

  /**
   * Creates a splitter with nothing held back.
   *
   * @throws {RangeError} if `maxLineBytes` is no integer of at least 4.
   */
  constructor(
    maxLineBytes: number,
    onLines: (text: string, count: number, edges: LineEdges) => void,
    onBytes: (bytes: Uint8Array, count: number) => void = () => {},
  ) {
    checkLimit(maxLineBytes);
    this.#maxLineBytes = maxLineBytes;
    this.#onLines = onLines;
    this.#onBytes = onBytes;
  }

  /** Changes the limit for what follows; of what is held back, pieces that are too long for it come out at once. */
  limit(maxLineBytes: number): void {
    if (maxLineBytes === this.#maxLineBytes) return;
    checkLimit(maxLineBytes);
    this.#maxLineBytes = maxLineBytes;
    this.#passHeld();
  }

  /** Takes the next bytes, which may be reused by the caller afterwards. */
  push(bytes: Uint8Array): void {
    // Complete the line that was held back, and only that.
    let from = 0;
    while (this.#heldBytes > 0 && from < bytes.length) {
      const room = bytes.subarray(from, from + this.#maxLineBytes + 2 - this.#heldBytes);
      const newline = room.indexOf(NEWLINE);
      const taken = newline < 0 ? room : room.subarray(0, newline + 1);
      this.#hold(taken);
      from += taken.length;
      this.#passHeld();
    }

    // Everything else is read where it is.
    if (from === bytes.length) return;
    const rest = from === 0 ? bytes : bytes.subarray(from);
    const passed = this.#pass(rest);
    if (passed < rest.length) this.#hold(rest.subarray(passed));
  }

  /** Whether something is held back that {@linkcode LineSplitter.flush} would hand on. */
  get isHolding(): boolean {
    return this.#wholeHeld() > 0;
  }

  /** Hands on what is held back, but for a character that is not whole yet and what may be the beginning of a line end. */
  flush(): void {
    const whole = this.#wholeHeld();
    if (whole === 0) return;
    const bytes = this.#held.subarray(0, whole);
    const text = this.#decoder.decode(bytes);
    this.#onBytes(bytes, 1);
    this.#held.copyWithin(0, whole, this.#heldBytes);
    this.#heldBytes -= whole;
    const edges = this.#isFlushed ? BOTH : OPEN;
    this.#isFlushed = true;
    this.#onLines(text, 1, edges);
  }

  /** Says that nothing follows: a last line without its end comes out. */
  end(): void {
    const held = this.#held.subarray(0, this.#heldBytes);
    this.#heldBytes = 0;
    if (held.length > this.#maxLineBytes) {
      const cut = characterStart(held, this.#maxLineBytes);
      this.#handOnPiece(held.subarray(0, cut));
      this.#handOnPiece(held.subarray(cut));
    } else if (this.#isFlushed && held.every((byte) => byte === RETURN)) {
      if (held.length > 0) this.#onBytes(held, 1);
    } else if (held.length > 0) {
      this.#handOnPiece(held);
    }
    this.#isFlushed = false;
  }

  /** How many of the bytes that are held back are whole characters and no line end. */
  #wholeHeld(): number {
    let end = this.#heldBytes;
    while (end > 0 && this.#held[end - 1] === RETURN) end--;
    if (end === 0 || end < this.#heldBytes) return end;
    const start = characterStart(this.#held, end - 1);
    return start + characterLength(this.#held[start]) > end ? start : end;
  }

  #handOnPiece(bytes: Uint8Array): void {
    this.#onBytes(bytes, 1);
    this.#handOn(this.#decoder.decode(bytes), 1);
  }

  #handOn(text: string, count: number): void {
    const edges = this.#isFlushed ? CONTINUES : WHOLE;
    this.#isFlushed = false;
    this.#onLines(text, count, edges);
  }

  #passHeld(): void {
    const passed = this.#pass(this.#held.subarray(0, this.#heldBytes));
    this.#held.copyWithin(0, passed, this.#heldBytes);
    this.#heldBytes -= passed;
  }

  /** Passes on all that can be, and returns how many bytes that was; less than one line and its end is left. */
  #pass(bytes: Uint8Array): number {
    const limit = this.#maxLineBytes;
    let from = 0;
    for (;;) {
      // One view holds the longest line with its end, so that every line in it but perhaps the first is short enough.
      const view = bytes.subarray(from, from + limit + 2);
      let last = view.lastIndexOf(NEWLINE);
      if (last === limit + 1 && view[limit] !== RETURN) last = view.lastIndexOf(NEWLINE, limit);
      if (last >= 0) {
        this.#emit(view.subarray(0, last + 1));
        from += last + 1;
      } else if (view.length === limit + 2) {
        const cut = characterStart(view, limit);
        this.#handOnPiece(view.subarray(0, cut));
        from += cut;
      } else {
        return from;
      }
    }
  }

  /** Passes on lines that stand together. */
  #emit(bytes: Uint8Array): void {
    let text = this.#decoder.decode(bytes.subarray(0, -1));
    if (text.includes("\r")) text = (text.endsWith("\r") ? text.slice(0, -1) : text).replaceAll("\r\n", "\n");
    let count = 1;
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) count++;
    this.#onBytes(bytes, count);
    if (this.#isFlushed) {
      // The line itself was handed on, and only its end was missing.
      const isEnd = text === "" || text.startsWith("\n");
      if (isEnd) this.#isFlushed = false;
      if (text === "") return;
      if (isEnd) {
        text = text.slice(1);
        count--;
      }
    }
    this.#handOn(text, count);
  }

  #hold(bytes: Uint8Array): void {
    const needed = this.#heldBytes + bytes.length;
    if (needed > this.#held.length) {
      const grown = new Uint8Array(Math.min(Math.max(needed, this.#held.length * 2, 256), Math.max(needed, this.#maxLineBytes + 2)));
      grown.set(this.#held.subarray(0, this.#heldBytes));
      this.#held = grown;
    }
    this.#held.set(bytes, this.#heldBytes);
    this.#heldBytes = needed;
  }
}

function checkLimit(maxLineBytes: number): void {
  if (Number.isSafeInteger(maxLineBytes) && maxLineBytes >= MIN_LINE_BYTES) return;
  throw new RangeError(
    `Cannot split lines as "maxLineBytes" must be an integer of at least ${MIN_LINE_BYTES}: current value is ${maxLineBytes}`,
  );
}

const WHOLE: LineEdges = {};
const OPEN: LineEdges = { open: true };
const CONTINUES: LineEdges = { continues: true };
const BOTH: LineEdges = { continues: true, open: true };

/** How many bytes a character has that begins with this one; 1 for what begins none. */
function characterLength(first: number): number {
  if (first < 0b1100_0000 || first >= 0b1111_1000) return 1;
  return first >= 0b1111_0000 ? 4 : first >= 0b1110_0000 ? 3 : 2;
}

/** The nearest place at or before `index` where a character begins; `index` itself when the bytes are no UTF-8. */
function characterStart(bytes: Uint8Array, index: number): number {
  for (let start = index; start > index - MIN_LINE_BYTES; start--) {
    if ((bytes[start] & 0b1100_0000) !== 0b1000_0000) return start;
  }
  return index;
}
