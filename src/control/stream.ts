import type { Clock } from "../core/ports/clock.ts";

/** How items of a stream are written: one JSON text a line, or server-sent events. */
export type StreamFormat = "ndjson" | "sse";

/** The format that a request asks for. */
export function formatOf({ headers }: Request, otherwise: StreamFormat): StreamFormat {
  const accept = headers.get("accept") ?? "";
  if (accept.includes("text/event-stream")) return "sse";
  return accept.includes("ndjson") ? "ndjson" : otherwise;
}

/** Something that comes with a rising number. */
interface Numbered {
  seq: number;
  type?: string;
}

/** Options of a stream. */
export interface OpenStreamOptions<T> {
  /** How items are written. */
  format: StreamFormat;
  /** Items to begin with. */
  first: readonly T[];
  /** Items before `first` that the reader should have had and that are no longer there; it is told how many. @default {0} */
  missed?: number;
  /** Subscribes to those that follow; without it the stream ends after `first`. */
  follow?: (fn: (item: T) => void) => Disposable;
}

/** Characters that are handed on in one piece. */
const FLUSH_LENGTH = 65_536;
/** Bytes that wait for a slow reader; items above are dropped, and the reader is told how many. */
const MAX_WAITING_BYTES = 1_048_576;
/** A reader whose machine is gone is noticed only when something is written to it, so a quiet stream says so often that it is there. */
const HEARTBEAT_MS = 30_000;

/**
 * The streams that are open on a control socket. They have to be ended before the server stops, as it would wait for them for ever.
 */
export class OpenStreams {
  readonly #clock: Clock;
  readonly #ends = new Set<() => void>();

  /** Creates it without a stream. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Streams that are open now. */
  get size(): number {
    return this.#ends.size;
  }

  /** Makes the answer that streams items until its reader goes, or {@linkcode OpenStreams.end} is called. */
  open<T extends Numbered>(options: OpenStreamOptions<T>): Response {
    const { format, first, missed = 0, follow } = options;
    const write = format === "sse" ? sseText : ndjsonText;
    const nothing = format === "sse" ? ": open\n\n" : "\n";
    const encoder = new TextEncoder();
    /** Text gathered in this turn: a piece for each item would cost the daemon more than the item did. */
    let held = "";
    let dropped = 0;
    let subscription: Disposable | undefined;
    let heartbeat: Disposable | undefined;
    let end = () => {};
    let controller: ReadableStreamDefaultController<Uint8Array>;
    const flush = () => {
      const text = held;
      held = "";
      if (text !== "") controller.enqueue(encoder.encode(text));
    };
    const tellDropped = () => {
      if (dropped > 0) held += write({ v: 1, dropped });
      dropped = 0;
    };
    const body = new ReadableStream<Uint8Array>({
      start: (own) => {
        controller = own;
        const send = (item: T) => {
          held += write(item);
          if (held.length >= FLUSH_LENGTH) flush();
        };
        const sendOrDrop = (item: T) => {
          if ((controller.desiredSize ?? 0) - held.length <= 0) return void dropped++;
          if (held === "") queueMicrotask(() => this.#ends.has(end) && flush());
          tellDropped();
          send(item);
        };
        if (missed > 0) held += write({ v: 1, dropped: missed });
        for (const item of first) send(item);
        if (follow === undefined) {
          flush();
          return controller.close();
        }
        // Bun sends the head with the first piece of the body, and nothing may follow for hours.
        held += nothing;
        flush();
        const beat = () => {
          if ((controller.desiredSize ?? 0) > 0) {
            held += nothing;
            flush();
          }
          heartbeat = this.#clock.schedule(HEARTBEAT_MS, beat);
        };
        heartbeat = this.#clock.schedule(HEARTBEAT_MS, beat);
        end = () => {
          this.#ends.delete(end);
          subscription?.[Symbol.dispose]();
          heartbeat?.[Symbol.dispose]();
          try {
            tellDropped();
            flush();
            controller.close();
          } catch {
            // Its reader has gone already.
          }
        };
        this.#ends.add(end);
        subscription = follow(sendOrDrop);
      },
      // There is room again, and nothing may come for hours that would tell the reader what it missed.
      pull: () => {
        if (dropped === 0) return;
        tellDropped();
        flush();
      },
      cancel: () => end(),
    }, { highWaterMark: MAX_WAITING_BYTES, size: (piece) => piece!.byteLength });
    const type = format === "sse" ? "text/event-stream" : "application/x-ndjson";
    return new Response(body, { headers: { "content-type": type, "cache-control": "no-store" } });
  }

  /** Calls `end` once when {@linkcode OpenStreams.end} is called, until the result is disposed. */
  onEnd(end: () => void): Disposable {
    const entry = () => {
      this.#ends.delete(entry);
      end();
    };
    this.#ends.add(entry);
    return { [Symbol.dispose]: () => void this.#ends.delete(entry) };
  }

  /** Ends every open stream; what was sent before still arrives. */
  end(): void {
    for (const end of [...this.#ends]) end();
  }
}

function ndjsonText(item: object): string {
  return `${JSON.stringify(item)}\n`;
}

function sseText(item: Numbered | { v: 1; dropped: number }): string {
  const head = "seq" in item ? `id: ${item.seq}\n${item.type === undefined ? "" : `event: ${item.type}\n`}` : "event: dropped\n";
  return `${head}data: ${JSON.stringify(item)}\n\n`;
}
