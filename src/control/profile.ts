import type { Hono } from "hono";
import type { Clock } from "../core/ports/clock.ts";
import { DaemonError } from "../core/values/errors.ts";
import type { CpuRecording, Profiler } from "../core/ports/profiler.ts";
import { answerProblem, problem } from "./problem.ts";
import type { OpenStreams } from "./stream.ts";

/** Options of {@linkcode profileRoutes}. */
export interface ProfileRoutesOptions {
  /** Takes the profiles. */
  profiler: Profiler;
  /** Ends recordings. */
  clock: Clock;
  /** Ends them early when the daemon stops: what was recorded until then is handed over. */
  streams: OpenStreams;
  /** Lets one profile be taken at a time. */
  turn: ProfileTurn;
}

/** Whether a profile is being taken, whichever listener it was asked of. */
export class ProfileTurn {
  #isTaken = false;

  /** Takes the turn; false when somebody has it. */
  begin(): boolean {
    if (this.#isTaken) return false;
    return this.#isTaken = true;
  }

  /** Gives it back. */
  end(): void {
    this.#isTaken = false;
  }
}

const DEFAULT_SECONDS = 10;
/** Longest recording: it takes memory for every millisecond. */
export const MAX_SECONDS = 300;

/** Adds the routes by which a daemon profiles itself. Each answers a whole file, as a stream; only one profile is taken at a time. */
export function profileRoutes(app: Hono, { profiler, clock, streams, turn }: ProfileRoutesOptions): void {
  const free = () => turn.end();
  const answer = async (filename: string, begin: () => Promise<ReadableStream<Uint8Array>>): Promise<Response> => {
    if (!turn.begin()) {
      const why = "Cannot take a profile as another one is being taken";
      return answerProblem(problem(409, "RUNTIME_STATE", why, "try again when it is done"));
    }
    const headers = {
      "content-type": "application/json",
      "content-disposition": `attachment; filename="${filename}"`,
      "cache-control": "no-store",
    };
    try {
      return new Response(await begin(), { headers });
    } catch (error) {
      free();
      throw error;
    }
  };

  app.post("/v1/profile/cpu", async (c) => {
    const durationMs = readSeconds(c.req.query("seconds")) * 1_000;
    return await answer("daemon.cpuprofile", async () => {
      const recording = await profiler.startCpu();
      const over = Promise.withResolvers<void>();
      const timer = clock.schedule(durationMs, over.resolve);
      const ending = streams.onEnd(over.resolve);
      // The client may leave: then the recording ends early.
      return cpuBody(recording, over, () => {
        timer[Symbol.dispose]();
        ending[Symbol.dispose]();
        free();
      });
    });
  });
  app.post("/v1/profile/heap", async () => await answer("daemon.heapsnapshot", async () => await heapBody(profiler.heap(), free)));
}

/** Goes on recording until it is over or its reader has gone; what was recorded is one piece at the end. */
function cpuBody(recording: CpuRecording, over: PromiseWithResolvers<void>, release: () => void): ReadableStream<Uint8Array> {
  let isWanted = true;
  return new ReadableStream<Uint8Array>({
    async start(controller) {
      try {
        await over.promise;
        const text = await recording.stop();
        if (!isWanted) return;
        controller.enqueue(new TextEncoder().encode(text));
        controller.close();
      } finally {
        release();
      }
    },
    cancel() {
      isWanted = false;
      over.resolve();
    },
  });
}

/** The same stream; that it can't be made shows at its first piece, which is therefore awaited. */
async function heapBody(source: ReadableStream<Uint8Array>, release: () => void): Promise<ReadableStream<Uint8Array>> {
  const reader = source.getReader();
  let next = Promise.resolve(await reader.read());
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await next;
        if (!done) {
          next = reader.read();
          // An error is handled at the next turn, which may not come.
          next.catch(() => {});
          return controller.enqueue(value);
        }
      } catch (error) {
        release();
        throw error;
      }
      release();
      controller.close();
    },
    async cancel(reason) {
      release();
      await reader.cancel(reason);
    },
  }, { highWaterMark: 0 });
}

function readSeconds(text: string | undefined): number {
  if (text === undefined) return DEFAULT_SECONDS;
  const seconds = Number(text);
  if (/^\d+$/.test(text) && seconds >= 1 && seconds <= MAX_SECONDS) return seconds;
  throw new DaemonError(
    "IPC_PROTOCOL",
    `Cannot record as "seconds" must be a whole number from 1 to ${MAX_SECONDS}: current value is ${JSON.stringify(text)}`,
  );
}
