import type { HttpConnection, HttpHandler } from "../core/ports/http.ts";
import { messageOf } from "../core/values/errors.ts";
import { HeadRefused, Input, readHead } from "./http_head.ts";
import { STATUS_NAMES } from "../core/values/http_status.ts";

/** A connection as a runtime gives it. */
export interface RawConnection {
  /** The next bytes; undefined once the other side has ended or gone. One call at a time; never rejects. */
  read(): Promise<Uint8Array | undefined>;
  /** Resolves when the system has taken all bytes; rejects when the other side has gone. */
  write(bytes: Uint8Array): Promise<void>;
  /** Says that nothing more comes from here. */
  end(): void;
  /** Ends it now: what is pending settles. */
  close(): void;
}

/** Options of {@linkcode HttpServerLoop}. */
export interface HttpServerOptions {
  /** Answers requests. */
  handler: HttpHandler;
  /** Most connections at once; asked for each. */
  maxConnections: () => number;
  /** Whether another connection may be kept, for want of files. */
  hasRoom: (connections: number) => boolean;
  /** Milliseconds for a whole head, from the connection or from the head's first byte. @default {10_000} */
  headMs?: number;
  /** Milliseconds that a connection may wait for its next request. @default {60_000} */
  idleMs?: number;
}

const HEAD_MS = 10_000;
const IDLE_MS = 60_000;
/** Time that a reader has to take what it was sent before its connection counts as idle. */
const STALLED_MS = 5_000;
/** Time for the rest of a body that nobody wants, so that its sender sees the answer. */
const LINGER_MS = 1_000;
/** Bytes of such a body that are taken. */
const LINGER_BYTES = 1_048_576;
/** Time that an answer goes on for who has ended his side, as some do who wait for no more than this answer. */
const HALF_OPEN_MS = 1_000;
/** Connections that are kept for what ends at once; of a few, a quarter. */
const MOST_KEPT = 32;

const encoder = new TextEncoder();

/**
 * The connections of an HTTP server: HTTP/1.1 and 1.0 over whatever a runtime has accepted. A server of our own, because those of the
 * runtimes neither count connections nor end silent ones, and stop to accept, or spin, when no file is left for the next.
 *
 * - Above `maxConnections` the connection that has waited longest without a request makes room for a new one; where all are at work, the
 *   new one is told to come again (503).
 * - A head must be whole within 10 seconds and 16 KiB; the next request may take a minute to come.
 * - Whatever could be read in two ways is refused: a second length, folded lines, bare line feeds.
 */
export class HttpServerLoop {
  readonly #options: HttpServerOptions;
  readonly #open = new Set<ServedConnection>();
  /** Connections that wait for their peer, longest first. */
  readonly #waiting = new Set<ServedConnection>();
  readonly #drained = Promise.withResolvers<void>();
  #isDraining = false;
  /** Time for a whole head. */
  readonly headMs: number;
  /** Time until the next request. */
  readonly idleMs: number;

  /** Creates it without a connection. */
  constructor(options: HttpServerOptions) {
    const { headMs = HEAD_MS, idleMs = IDLE_MS } = options;
    this.#options = options;
    this.headMs = headMs;
    this.idleMs = idleMs;
  }

  /** Connections that it has. */
  get size(): number {
    return this.#open.size;
  }

  /** Whether so many connections are at work that only what ends at once should be answered. */
  get isCrowded(): boolean {
    const max = this.#options.maxConnections();
    return this.#open.size - this.#waiting.size > max - Math.min(MOST_KEPT, Math.ceil(max / 4));
  }

  /** Whether it only finishes the requests under way and takes no new ones. */
  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** Answers requests. */
  get handler(): HttpHandler {
    return this.#options.handler;
  }

  /** Takes a connection over. */
  accept(raw: RawConnection): void {
    if (this.#isDraining) return refuse(raw, "Cannot answer as this server is stopping");
    const { maxConnections, hasRoom } = this.#options;
    // One at a time: a file is free again only a little later.
    if (this.#open.size >= maxConnections() || !hasRoom(this.#open.size)) {
      const [longest] = this.#waiting;
      if (longest === undefined) return refuse(raw, "Cannot answer as too many connections are at work");
      longest.cut();
      this.leave(longest);
    }
    const connection = new ServedConnection(raw, this);
    this.#open.add(connection);
    void connection.serve();
  }

  /** A connection waits for its peer from now on, or works. */
  waits(connection: ServedConnection, isWaiting: boolean): void {
    this.#waiting.delete(connection);
    if (isWaiting && this.#open.has(connection)) this.#waiting.add(connection);
  }

  /** A connection has ended. */
  leave(connection: ServedConnection): void {
    this.#open.delete(connection);
    this.#waiting.delete(connection);
    if (this.#isDraining && this.#open.size === 0) this.#drained.resolve();
  }

  /** Takes no more requests; resolves when the last one has been answered. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    for (const connection of [...this.#open]) if (connection.isIdle) connection.cut();
    if (this.#open.size === 0) this.#drained.resolve();
    await this.#drained.promise;
  }

  /** Ends all connections now. */
  cut(): void {
    for (const connection of [...this.#open]) {
      connection.cut();
      this.leave(connection);
    }
  }
}

/** One connection, request after request. */
class ServedConnection {
  readonly #raw: RawConnection;
  readonly #server: HttpServerLoop;
  readonly #input: Input;
  /** The answer under way. */
  #body: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isCut = false;
  /** Whether no request is under way. */
  isIdle = true;

  constructor(raw: RawConnection, server: HttpServerLoop) {
    this.#raw = raw;
    this.#server = server;
    this.#input = new Input(() => raw.read());
  }

  /** Serves it to its end; never rejects. */
  async serve(): Promise<void> {
    try {
      let waitMs = this.#server.headMs;
      while (await this.#serveOne(waitMs)) waitMs = this.#server.idleMs;
    } catch {
      // The other side has gone, or was cut.
    } finally {
      this.#clearDeadline();
      this.#raw.close();
      this.#server.leave(this);
    }
  }

  /** Ends it now. */
  cut(): void {
    this.#isCut = true;
    this.#raw.close();
    this.#body?.cancel().catch(() => {/* its source failed */});
  }

  /** Answers a request; false when no other may follow. */
  async #serveOne(waitMs: number): Promise<boolean> {
    this.isIdle = true;
    this.#server.waits(this, true);
    this.#setDeadline(waitMs);
    let head: Awaited<ReturnType<typeof readHead>>;
    try {
      head = await readHead(this.#input, () => this.#setDeadline(this.#server.headMs));
    } catch (error) {
      if (!(error instanceof HeadRefused)) throw error;
      await this.#write(plainAnswer(error.status, error.message));
      await this.#linger();
      return false;
    } finally {
      this.#clearDeadline();
    }
    if (head === undefined || this.#server.isDraining) return false;
    this.isIdle = false;
    this.#server.waits(this, false);

    const { request, body, keepsAlive, isOld } = head;
    body.onContinue = () => this.#write(encoder.encode("HTTP/1.1 100 Continue\r\n\r\n"));
    const info: HttpConnection = { isCrowded: this.#server.isCrowded };
    const answering = this.#answerOf(request, info);
    // A peer that leaves is noticed only by reading on.
    this.#input.watch();
    const response = await answering;
    const mayFollow = keepsAlive && body.isRead && !this.#server.isDraining;
    await this.#send(response, { isHead: request.method === "HEAD", isOld, isLast: !mayFollow });
    // A stream may have ended because the server stops.
    if (mayFollow) return !this.#server.isDraining && (!this.#input.isOver || this.#input.hasBytes);
    if (!body.isRead || this.#input.hasBytes) await this.#linger();
    return false;
  }

  /** A handler is expected to answer; when it throws, its caller is told. */
  async #answerOf(request: Request, info: HttpConnection): Promise<Response> {
    try {
      return await this.#server.handler(request, info);
    } catch (error) {
      return new Response(`${messageOf(error)}\n`, { status: 500 });
    }
  }

  async #send(response: Response, { isHead, isOld, isLast }: { isHead: boolean; isOld: boolean; isLast: boolean }): Promise<void> {
    const { status, statusText, headers, body } = response;
    const isBodiless = status === 204 || status === 304;
    const isChunked = body !== null && !isOld && !isHead;
    let text = `HTTP/1.1 ${status} ${statusText === "" ? STATUS_NAMES[status] ?? "Status" : statusText}\r\n`;
    for (const [name, value] of headers) if (!OWN_HEADERS.has(name)) text += `${name}: ${value}\r\n`;
    if (!headers.has("date")) text += `date: ${new Date().toUTCString()}\r\n`;
    if (isLast) text += "connection: close\r\n";
    if (isChunked) text += "transfer-encoding: chunked\r\n";
    else if (body === null && !isHead && !isBodiless) text += "content-length: 0\r\n";
    const head = encoder.encode(`${text}\r\n`);
    if (body === null || isHead || isBodiless || this.#isCut) {
      body?.cancel().catch(() => {/* its source failed */});
      return await this.#write(head);
    }
    const reader = this.#body = body.getReader();
    let late: ReturnType<typeof setTimeout> | undefined;
    const watching = this.#input.onOver(() => {
      late = setTimeout(() => void reader.cancel().catch(() => {/* its source failed */}), HALF_OPEN_MS);
    });
    try {
      let before = head;
      while (true) {
        const { done, value } = await reader.read();
        if (done) break;
        if (value.length === 0) continue;
        await this.#write(
          isChunked ? joined(before, encoder.encode(`${value.length.toString(16)}\r\n`), value, CRLF) : joined(before, value),
        );
        before = NOTHING;
      }
      await this.#write(isChunked ? joined(before, LAST_CHUNK) : before);
    } catch (error) {
      reader.cancel().catch(() => {/* its source failed */});
      throw error;
    } finally {
      this.#body = undefined;
      clearTimeout(late);
      watching[Symbol.dispose]();
    }
  }

  async #write(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return;
    if (this.isIdle) return await this.#raw.write(bytes);
    const stalled = setTimeout(() => this.#server.waits(this, true), STALLED_MS);
    try {
      await this.#raw.write(bytes);
    } finally {
      clearTimeout(stalled);
      if (!this.isIdle) this.#server.waits(this, false);
    }
  }

  /** Takes what its peer still sends, because a connection that is closed before may lose the answer. */
  async #linger(): Promise<void> {
    this.isIdle = true;
    this.#server.waits(this, true);
    this.#raw.end();
    this.#setDeadline(LINGER_MS);
    await this.#input.drop(LINGER_BYTES);
  }

  #setDeadline(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.cut(), ms);
  }

  #clearDeadline(): void {
    clearTimeout(this.#timer);
  }
}

const NOTHING = new Uint8Array(0);
const CRLF = encoder.encode("\r\n");
const LAST_CHUNK = encoder.encode("0\r\n\r\n");
/** Headers that the server itself sets. */
const OWN_HEADERS = new Set(["connection", "content-length", "keep-alive", "transfer-encoding"]);
function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function plainAnswer(status: number, message: string, more = ""): Uint8Array {
  const text = `${message}\n`;
  return encoder.encode(
    `HTTP/1.1 ${status} ${STATUS_NAMES[status]}\r\ncontent-type: text/plain;charset=utf-8\r\n${more}` +
      `content-length: ${encoder.encode(text).length}\r\nconnection: close\r\n\r\n${text}`,
  );
}

function refuse(raw: RawConnection, why: string): void {
  const answer = plainAnswer(503, why, "retry-after: 1\r\n");
  raw.write(answer).catch(() => {/* gone already */}).finally(() => raw.close());
}
