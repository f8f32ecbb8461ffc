import { IoError, messageOf } from "../values/errors.ts";

/** Longest text of one frame in bytes, unless the reader says otherwise. */
export const MAX_FRAME_BYTES: number = 1_048_576;

const HEAD_BYTES = 4;
const EMPTY = new Uint8Array(0);

/**
 * Writes a value as a frame: four bytes with the length, the most important first, and that many bytes of JSON.
 *
 * @throws {IoError} `IPC_PROTOCOL` if the value has no JSON or is too long for who reads it.
 */
export function encodeFrame(value: unknown, maxBytes: number = MAX_FRAME_BYTES): Uint8Array {
  const text = JSON.stringify(value);
  if (text === undefined) throw refused("a value that JSON can write", typeof value);
  const body = new TextEncoder().encode(text);
  if (body.length > maxBytes) throw refused(`at most ${maxBytes} bytes`, String(body.length));
  const frame = new Uint8Array(HEAD_BYTES + body.length);
  new DataView(frame.buffer).setUint32(0, body.length);
  frame.set(body, HEAD_BYTES);
  return frame;
}

/**
 * Takes a stream of bytes, cut anywhere, apart into the values of its frames.
 *
 * - `onValue` is called before `push` returns, once for each frame and in order.
 * - No more is held back than one frame.
 * - When `push` has thrown, the stream can't be understood any more, and the reader must not be used again.
 */
export class FrameReader {
  readonly #onValue: (value: unknown) => void;
  readonly #maxBytes: number;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  #held: Uint8Array = EMPTY;
  #heldBytes = 0;

  /** Creates a reader with nothing held back. */
  constructor(onValue: (value: unknown) => void, maxBytes: number = MAX_FRAME_BYTES) {
    this.#onValue = onValue;
    this.#maxBytes = maxBytes;
  }

  /** Whether a frame has begun and not ended. */
  get isPartial(): boolean {
    return this.#heldBytes > 0;
  }

  /**
   * Takes the next bytes, which may be reused by the caller afterwards.
   *
   * @throws {IoError} `IPC_PROTOCOL` if a frame is too long or holds no JSON.
   */
  push(bytes: Uint8Array): void {
    let from = 0;
    while (from < bytes.length) {
      // Whole frames are read where they are; the rest is held back until it is whole.
      const whole = this.#heldBytes === 0 ? this.#frameAt(bytes.subarray(from)) : undefined;
      if (whole !== undefined) {
        from += whole;
        continue;
      }
      const needed = this.#heldBytes < HEAD_BYTES ? HEAD_BYTES : HEAD_BYTES + this.#lengthAt(this.#held);
      from += this.#hold(bytes.subarray(from, from + needed - this.#heldBytes), needed);
      if (this.#heldBytes < HEAD_BYTES) continue;
      if (this.#frameAt(this.#held.subarray(0, this.#heldBytes)) !== undefined) this.#heldBytes = 0;
    }
  }

  /** Passes on the frame at the beginning and returns its length; undefined when it is not whole. */
  #frameAt(bytes: Uint8Array): number | undefined {
    if (bytes.length < HEAD_BYTES) return undefined;
    const end = HEAD_BYTES + this.#lengthAt(bytes);
    if (bytes.length < end) return undefined;
    let value: unknown;
    try {
      value = JSON.parse(this.#decoder.decode(bytes.subarray(HEAD_BYTES, end)));
    } catch (error) {
      throw refused("JSON", messageOf(error));
    }
    this.#onValue(value);
    return end;
  }

  #lengthAt(bytes: Uint8Array): number {
    const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
    if (length > this.#maxBytes) throw refused(`at most ${this.#maxBytes} bytes`, String(length));
    return length;
  }

  #hold(bytes: Uint8Array, needed: number): number {
    if (this.#held.length < needed) {
      const grown = new Uint8Array(needed);
      grown.set(this.#held.subarray(0, this.#heldBytes));
      this.#held = grown;
    }
    this.#held.set(bytes, this.#heldBytes);
    this.#heldBytes += bytes.length;
    return bytes.length;
  }
}

function refused(what: string, value: string): IoError {
  return new IoError("IPC_PROTOCOL", `Cannot pass a frame on as it must be ${what}: current value is ${value}`);
}
