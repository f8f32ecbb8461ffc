import process from "node:process";
import type { Session } from "node:inspector";
import { claim } from "./own_process.ts";
import { messageOf, ProfilingError } from "../core/values/errors.ts";
import type { CpuRecording, Profiler } from "../core/ports/profiler.ts";

/** Microseconds between two looks at the stack; at this rate the work goes on within the noise of what it takes without. */
const INTERVAL_US = 1_000;

/** Profiles by `node:inspector` and `node:v8`, which both runtimes have, also compiled, and which cost nothing until they are asked. */
export function createProfiler(): Profiler {
  return {
    async startCpu() {
      // Deno could do several, Bun has one recorder for the whole process.
      const recorder = takeRecorder();
      try {
        return await startCpu(recorder);
      } catch (error) {
        recorder[Symbol.dispose]();
        throw error;
      }
    },
    heap,
  };
}

function takeRecorder(): Disposable {
  try {
    return claim("a recording", "the recorder of processor time");
  } catch (cause) {
    throw new ProfilingError("PROFILING_FAILED", "Cannot record where time goes as another recording is under way", { cause });
  }
}

async function startCpu(recorder: Disposable): Promise<CpuRecording> {
  const { Session } = process.getBuiltinModule("node:inspector");
  const session = new Session();
  try {
    session.connect();
    await post(session, "Profiler.enable");
    await post(session, "Profiler.setSamplingInterval", { interval: INTERVAL_US });
    await post(session, "Profiler.start");
  } catch (error) {
    session.disconnect();
    throw failure("record where time goes", error);
  }
  let stopped: Promise<string> | undefined;
  return { stop: () => stopped ??= stopCpu(session).finally(() => recorder[Symbol.dispose]()) };
}

async function stopCpu(session: Session): Promise<string> {
  try {
    const { profile } = await post(session, "Profiler.stop") as { profile: unknown };
    return JSON.stringify(profile);
  } catch (error) {
    throw failure("end the recording of where time goes", error);
  } finally {
    session.disconnect();
  }
}

/** Deno never answers when there are no parameters at all. */
function post(session: Session, method: string, parameters: object = {}): Promise<unknown> {
  return new Promise((resolve, reject) => {
    session.post(method, parameters, (error: Error | null, result?: object) => error === null ? resolve(result) : reject(error));
  });
}

function heap(): ReadableStream<Uint8Array> {
  let pieces: AsyncIterator<Uint8Array> | undefined;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        pieces ??= process.getBuiltinModule("node:v8").getHeapSnapshot()[Symbol.asyncIterator]();
        const { done, value } = await pieces.next();
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (error) {
        throw failure("take a snapshot of the heap", error);
      }
    },
    cancel: async () => void await pieces?.return?.(),
  }, { highWaterMark: 0 });
}

function failure(doing: string, cause: unknown): ProfilingError {
  return new ProfilingError("PROFILING_FAILED", `Cannot ${doing} as the runtime refuses: ${messageOf(cause)}`, { cause });
}
