import fs from "node:fs";
import { type Clock, sleep } from "../core/ports/clock.ts";
import { formatDuration } from "../core/values/duration.ts";
import { IoError } from "../core/values/errors.ts";
import type { FileContent, FileInfo, ReadOptions } from "../core/ports/files.ts";
import { errnoOf, ioError } from "./io_error.ts";

const { O_NOCTTY, O_NONBLOCK, O_RDONLY } = fs.constants;

/** How long a pipe that has nothing to give is left alone. */
const LOOK_AGAIN_MS = 10;
const CHUNK_BYTES = 65_536;
/** A file that changes while it is read is read again, so many times; one that never stands still is taken as it comes. */
const MOST_READINGS = 20;

/** How far a reading has come, for who has to say why it took too long. */
interface Progress {
  waitsFor: "the disk" | "a writer" | "the end";
  bytes: number;
}

/** Reads a file of whatever kind to its end, within limits; `describe` is the runtime-independent view of what was opened. */
export async function readBounded(
  path: string,
  options: ReadOptions,
  { clock, describe }: { clock: Clock; describe: (stats: fs.Stats) => FileInfo },
): Promise<FileContent> {
  const { maxBytes = 16_777_216, timeoutMs = 10_000, signal } = options;
  signal?.throwIfAborted();
  const progress: Progress = { waitsFor: "the disk", bytes: 0 };
  const over = new AbortController();
  const isOver = Promise.withResolvers<never>();
  const end = (reason: unknown) => {
    over.abort(reason);
    isOver.reject(reason);
  };
  const onAbort = () => end(signal!.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  using _timer = clock.schedule(timeoutMs, () => end(tooSlow(path, timeoutMs, progress)));
  const reading = readWhole(path, maxBytes, { clock, describe, progress, signal: over.signal });
  // A disk that hangs can't be called back: what was begun ends by itself, and closes what it has opened.
  reading.catch(() => {});
  try {
    return await Promise.race([reading, isOver.promise]);
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}

interface Reading {
  clock: Clock;
  describe: (stats: fs.Stats) => FileInfo;
  progress: Progress;
  signal: AbortSignal;
}

async function readWhole(path: string, maxBytes: number, { clock, describe, progress, signal }: Reading): Promise<FileContent> {
  let handle: fs.promises.FileHandle | undefined;
  try {
    // Without O_NONBLOCK, a pipe would hold a thread until somebody writes to it, and with a terminal we would become its process.
    handle = await fs.promises.open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    let stats = await handle.stat();
    if (stats.isFile() && stats.size > maxBytes) throw tooLarge(path, maxBytes);
    const isPipe = stats.isFIFO();
    let chunks: Uint8Array[] = [];
    // Where to read, in a file that can be read again.
    let at = stats.isFile() ? 0 : null;
    for (let readings = 1;;) {
      signal.throwIfAborted();
      // On a pipe we wait for its writer, also while we check for his data.
      if (!isPipe) progress.waitsFor = "the disk";
      // One byte more than may be, so that a file of just the limit is told from a larger one.
      const chunk = new Uint8Array(Math.min(CHUNK_BYTES, maxBytes + 1 - progress.bytes));
      const count = await readSome(handle, chunk, at);
      if (count === 0 && (!isPipe || progress.bytes > 0)) {
        const now = await handle.stat();
        if (at === null || readings === MOST_READINGS || isSame(stats, now)) {
          return { bytes: concat(chunks, progress.bytes), info: describe(now) };
        }
        // Somebody has written into it meanwhile: this may be the old beginning with the new end.
        readings++;
        chunks = [];
        progress.bytes = at = 0;
        await sleep(clock, LOOK_AGAIN_MS, { signal });
        stats = await handle.stat();
        continue;
      }
      if (count === undefined || count === 0) {
        // A pipe that nobody has opened for writing yet looks as one at its end.
        progress.waitsFor = count === 0 ? "a writer" : "the end";
        await sleep(clock, LOOK_AGAIN_MS, { signal });
        continue;
      }
      chunks.push(chunk.subarray(0, count));
      progress.bytes += count;
      if (at !== null) at += count;
      if (progress.bytes > maxBytes) throw tooLarge(path, maxBytes);
    }
  } catch (error) {
    if (error instanceof IoError || signal.aborted) throw error;
    if (errnoOf(error) !== "ENXIO") throw ioError(error, `read ${path}`, { path });
    throw new IoError("IO_FAILED", `Cannot read ${path} as it is a socket, or a device that is not there`, {
      cause: error,
      context: { path, errno: "ENXIO" },
    });
  } finally {
    await handle?.close();
  }
}

function isSame(before: fs.Stats, now: fs.Stats): boolean {
  return before.size === now.size && before.mtimeMs === now.mtimeMs;
}

/** Number of bytes read, 0 at the end; undefined when there are none now and more may come. */
async function readSome(handle: fs.promises.FileHandle, chunk: Uint8Array, at: number | null): Promise<number | undefined> {
  try {
    return (await handle.read(chunk, 0, chunk.length, at)).bytesRead;
  } catch (error) {
    if (errnoOf(error) === "EAGAIN") return undefined;
    throw error;
  }
}

function tooLarge(path: string, maxBytes: number): IoError {
  return new IoError("IO_TOO_LARGE", `Cannot read ${path} as it must have at most ${maxBytes} bytes`, { context: { path, maxBytes } });
}

function tooSlow(path: string, timeoutMs: number, { waitsFor, bytes }: Progress): IoError {
  const time = formatDuration(timeoutMs);
  const reason = waitsFor === "a writer"
    ? `nobody has written into that pipe for ${time}`
    : waitsFor === "the end"
    ? `it was not at its end after ${time}: ${bytes} bytes have come, and who writes has it open`
    : `it did not answer to the end within ${time}`;
  return new IoError("TIMEOUT", `Cannot read ${path} as ${reason}`, { context: { path, timeoutMs } });
}

function concat(chunks: readonly Uint8Array[], size: number): Uint8Array {
  if (chunks.length === 1) return chunks[0];
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
