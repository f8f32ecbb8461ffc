import type { CpuRecording } from "../../core/ports/profiler.ts";
import { serveAll, type ServedRoute } from "../../core/wire/route.ts";
import { answerProblem, problem } from "../problem.ts";
import { PROFILE_ROUTES } from "../routes/profile.ts";
import type { AnswerPorts } from "./ports.ts";

const DEFAULT_SECONDS = 10;

/** Answers with profiles of this process: each a whole file, as a stream; only one is taken at a time. */
export function profileAnswers({ profiler, clock, streams, turn }: AnswerPorts): ServedRoute[] {
  if (profiler === undefined) return [];
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
  return serveAll(PROFILE_ROUTES, {
    cpu: ({ query: { seconds = DEFAULT_SECONDS } }) =>
      answer("daemon.cpuprofile", async () => {
        const recording = await profiler.startCpu();
        const over = Promise.withResolvers<void>();
        const timer = clock.schedule(seconds * 1_000, over.resolve);
        // They end early when the daemon stops: what was recorded until then is handed over.
        const ending = streams.onEnd(over.resolve);
        // The client may leave: then the recording ends early.
        return cpuBody(recording, over, () => {
          timer[Symbol.dispose]();
          ending[Symbol.dispose]();
          free();
        });
      }),
    heap: () => answer("daemon.heapsnapshot", () => heapBody(profiler.heap(), free)),
  });
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
