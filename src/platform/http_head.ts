/** A request that can't be read; what follows on its connection can't either. */
export class HeadRefused extends Error {
  /** Status to answer. */
  readonly status: number;

  /** Created with what to answer. */
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** A request, as far as its head says. */
export interface Head {
  /** The request; its body is read from the connection when somebody asks for it. */
  request: Request;
  /** State of its body. */
  body: BodyState;
  /** Whether the peer would send another request over this connection. */
  keepsAlive: boolean;
  /** Whether the request is HTTP/1.0, which knows no chunks. */
  isOld: boolean;
}

/** How far the body of a request was read. */
export interface BodyState {
  /** Whether all of it was read, or there is none. */
  isRead: boolean;
  /** Called before the first piece is awaited, where the peer waits for that. */
  onContinue: () => Promise<void>;
}

/** Longest head, in bytes. */
const MAX_HEAD_BYTES = 16_384;
const MAX_HEADERS = 100;
/** Longest line with the size of a chunk. */
const MAX_CHUNK_LINE = 256;
/** Longest trailer. */
const MAX_TRAILER_BYTES = 4_096;
/** A piece of a body that is handed over at once. */
const MAX_PIECE_BYTES = 65_536;

const NOTHING = new Uint8Array(0);
const [CR, LF] = [13, 10];
const REQUEST_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) (\S+) HTTP\/(\d)\.(\d)$/;
const HEADER_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*?)[ \t]*$/;
// deno-lint-ignore no-control-regex -- control characters are what it looks for
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/;

/** The bytes that come over a connection, read ahead by one piece at most. */
export class Input {
  readonly #read: () => Promise<Uint8Array | undefined>;
  #bytes: Uint8Array = NOTHING;
  #reading: Promise<boolean> | undefined;
  #whenOver: (() => void) | undefined;
  /** Whether the other side has ended. */
  isOver = false;

  /** Creates it; nothing is read yet. */
  constructor(read: () => Promise<Uint8Array | undefined>) {
    this.#read = read;
  }

  /** Whether something was read that nobody took. */
  get hasBytes(): boolean {
    return this.#bytes.length > 0;
  }

  /** Waits for more; false when there is none. */
  fill(): Promise<boolean> {
    if (this.isOver) return Promise.resolve(false);
    return this.#reading ??= this.#read().then((bytes) => {
      this.#reading = undefined;
      if (bytes === undefined) {
        this.isOver = true;
        this.#whenOver?.();
        return false;
      }
      const all = new Uint8Array(this.#bytes.length + bytes.length);
      all.set(this.#bytes);
      all.set(bytes, this.#bytes.length);
      this.#bytes = all;
      return true;
    });
  }

  /** Reads on while nobody asks, so that the end is noticed; at most one piece. */
  watch(): void {
    if (!this.hasBytes) void this.fill();
  }

  /** Calls `fn` when the other side has ended, at once where it has. */
  onOver(fn: () => void): Disposable {
    this.#whenOver = fn;
    if (this.isOver) fn();
    return { [Symbol.dispose]: () => this.#whenOver = undefined };
  }

  /** Some bytes, `max` at most; undefined at the end. */
  async some(max: number): Promise<Uint8Array | undefined> {
    while (!this.hasBytes) if (!await this.fill()) return undefined;
    const piece = this.#bytes.subarray(0, max);
    this.#bytes = this.#bytes.subarray(piece.length);
    return piece;
  }

  /**
   * The text before the next `end`, which must come within `max` bytes; undefined when the other side ended before the first byte.
   *
   * @throws {HeadRefused} if it does not come, or the other side ended in the middle.
   */
  async until(
    end: readonly number[],
    { max, status, onFirst }: { max: number; status: number; onFirst?: () => void },
  ): Promise<string | undefined> {
    let looked = 0;
    let isFirst = true;
    while (true) {
      if (this.hasBytes && isFirst) {
        isFirst = false;
        onFirst?.();
      }
      const at = indexOf(this.#bytes, end, looked);
      if (at >= 0 && at <= max) {
        const text = latin1(this.#bytes.subarray(0, at));
        this.#bytes = this.#bytes.subarray(at + end.length);
        return text;
      }
      if (this.#bytes.length > max) throw new HeadRefused(status, `Cannot read the request as its head must be at most ${max} bytes`);
      looked = Math.max(0, this.#bytes.length - end.length + 1);
      if (await this.fill()) continue;
      if (!this.hasBytes) return undefined;
      throw new HeadRefused(400, "Cannot read the request as it broke off");
    }
  }

  /** Takes what comes, `max` bytes at most, until the end. */
  async drop(max: number): Promise<void> {
    let rest = max - this.#bytes.length;
    this.#bytes = NOTHING;
    while (rest > 0 && await this.fill()) {
      rest -= this.#bytes.length;
      this.#bytes = NOTHING;
    }
  }
}

/**
 * Reads the head of a request; undefined when none comes any more.
 *
 * @throws {HeadRefused} if it can't be read, or could be read in two ways.
 */
export async function readHead(input: Input, onFirst: () => void): Promise<Head | undefined> {
  // Empty lines before a request are allowed, and sent by some after a body.
  const text = await input.until([CR, LF, CR, LF], { max: MAX_HEAD_BYTES, status: 431, onFirst });
  if (text === undefined) return undefined;
  const [first, ...lines] = text.replace(/^(?:\r\n)+/, "").split("\r\n");
  const match = REQUEST_LINE.exec(first);
  if (match === null) throw new HeadRefused(400, "Cannot read the request as its first line must be METHOD PATH HTTP/1.1");
  const [, method, target, major, minor] = match;
  if (major !== "1") throw new HeadRefused(505, "Cannot answer as the request must be HTTP/1.1 or HTTP/1.0");
  // A client that takes this server for a proxy sends a whole URL.
  const [, authority, path] = /^(?:http:\/\/([^/?#]*))?(\/.*)$/.exec(target) ?? [];
  if (path === undefined) throw new HeadRefused(400, "Cannot read the request as its target must be a path");
  const isOld = minor === "0";
  const headers = readHeaders(lines);
  const length = lengthOf(headers, isOld);

  const host = headers.get("host");
  if (host?.includes(",") || (host === null && !isOld)) throw new HeadRefused(400, "Cannot read the request as it must have one Host");
  if (authority !== undefined && authority !== (host ?? authority)) {
    throw new HeadRefused(400, "Cannot read the request as its target and Host must be the same");
  }
  const url = `http://${host ?? "localhost"}${path}`;
  const isWhole = /^[^\s/?#@\\]+$/.test(host ?? "localhost") && URL.canParse(url);
  if (!isWhole) throw new HeadRefused(400, "Cannot read the request as path and Host must make a URL");

  const expectsContinue = headers.get("expect")?.toLowerCase() === "100-continue" && !isOld;
  const body: BodyState = { isRead: length === 0, onContinue: () => Promise.resolve() };
  const hasBody = length !== 0 && method !== "GET" && method !== "HEAD";
  const stream = hasBody ? bodyStream(input, length, body, expectsContinue) : null;
  const wantsClose = (headers.get("connection") ?? "").toLowerCase().split(",").some((word) => word.trim() === "close");
  // Not every runtime has requests of these.
  if (/^(?:CONNECT|TRACE|TRACK)$/i.test(method)) throw new HeadRefused(501, "Cannot answer a request of that method");
  const request = new Request(url, { method, headers, body: stream, ...(hasBody ? { duplex: "half" } : {}) } as RequestInit);
  return { request, body, keepsAlive: !isOld && !wantsClose, isOld };
}

function readHeaders(lines: readonly string[]): Headers {
  if (lines.length > MAX_HEADERS) throw new HeadRefused(431, `Cannot read the request as it must have at most ${MAX_HEADERS} headers`);
  const headers = new Headers();
  for (const line of lines) {
    const match = HEADER_LINE.exec(line);
    if (match === null || CONTROL.test(match[2])) {
      throw new HeadRefused(400, "Cannot read the request as each header must be a line NAME: VALUE");
    }
    headers.append(match[1], match[2]);
  }
  return headers;
}

/** Length of the body in bytes; undefined where it comes in chunks. */
function lengthOf(headers: Headers, isOld: boolean): number | undefined {
  const length = headers.get("content-length");
  const coding = headers.get("transfer-encoding");
  if (coding !== null) {
    if (length !== null || isOld) throw new HeadRefused(400, "Cannot read the request as its body must have one length");
    if (coding.toLowerCase() !== "chunked") {
      throw new HeadRefused(501, "Cannot read the request as its body must be chunked or have a length");
    }
    return undefined;
  }
  if (length === null) return 0;
  if (!/^\d{1,15}$/.test(length)) throw new HeadRefused(400, "Cannot read the request as Content-Length must be one number");
  return Number(length);
}

function bodyStream(input: Input, length: number | undefined, state: BodyState, expectsContinue: boolean): ReadableStream<Uint8Array> {
  const next = length === undefined ? chunks(input) : counted(input, length);
  let isAsked = false;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (expectsContinue && !isAsked) await state.onContinue();
      isAsked = true;
      const piece = await next();
      if (piece !== undefined) return controller.enqueue(piece);
      state.isRead = true;
      input.watch();
      controller.close();
    },
  }, { highWaterMark: 0 });
}

function counted(input: Input, length: number): () => Promise<Uint8Array | undefined> {
  let rest = length;
  return async () => {
    if (rest === 0) return undefined;
    const piece = await input.some(Math.min(rest, MAX_PIECE_BYTES));
    if (piece === undefined) throw new HeadRefused(400, "Cannot read the body as it broke off");
    rest -= piece.length;
    return piece;
  };
}

function chunks(input: Input): () => Promise<Uint8Array | undefined> {
  let rest = 0;
  let isFirst = true;
  const line = async () => {
    const text = await input.until([CR, LF], { max: MAX_CHUNK_LINE, status: 400 });
    if (text === undefined) throw new HeadRefused(400, "Cannot read the body as it broke off");
    return text;
  };
  return async () => {
    if (rest === 0) {
      if (!isFirst && await line() !== "") throw new HeadRefused(400, "Cannot read the body as a chunk is longer than it says");
      isFirst = false;
      const size = /^([0-9A-Fa-f]{1,8})(?:[ \t]*;.*)?$/.exec(await line())?.[1];
      if (size === undefined) throw new HeadRefused(400, "Cannot read the body as a chunk must begin with its size");
      rest = parseInt(size, 16);
      if (rest === 0) {
        let trailer = 0;
        for (let text = await line(); text !== ""; text = await line()) {
          trailer += text.length;
          if (trailer > MAX_TRAILER_BYTES) throw new HeadRefused(400, "Cannot read the body as what follows it is too long");
        }
        return undefined;
      }
    }
    const piece = await input.some(Math.min(rest, MAX_PIECE_BYTES));
    if (piece === undefined) throw new HeadRefused(400, "Cannot read the body as it broke off");
    rest -= piece.length;
    return piece;
  };
}

function indexOf(bytes: Uint8Array, end: readonly number[], from: number): number {
  for (let at = bytes.indexOf(end[0], from); at >= 0; at = bytes.indexOf(end[0], at + 1)) {
    if (end.every((byte, index) => bytes[at + index] === byte)) return at;
  }
  return -1;
}

function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8_192) text += String.fromCharCode(...bytes.subarray(at, at + 8_192));
  return text;
}
