import type { Clock } from "../core/ports/clock.ts";
import { problem, type ProblemDetails } from "./problem.ts";

/** A request whose body can't be read. */
export class BodyRefused extends Error {
  /** ProblemDetails to answer with. */
  readonly problem: ProblemDetails;

  /** Created with what to answer. */
  constructor(made: ProblemDetails) {
    super(made.detail);
    this.name = "BodyRefused";
    this.problem = made;
  }
}

/** Time within which a body has to arrive. */
const BODY_MS = 10_000;

/**
 * Reads the text of a body of at most `maxBytes`, which has to arrive within ten seconds.
 *
 * @throws {BodyRefused} if it is longer, comes too slowly or breaks off.
 */
export async function readBody(request: Request, { maxBytes, clock }: { maxBytes: number; clock: Clock }): Promise<string> {
  refuseLong(request, maxBytes);
  if (request.body === null) return "";
  const reader = request.body.getReader();
  const decoder = new TextDecoder();
  let isLate = false;
  const timer = clock.schedule(BODY_MS, () => {
    isLate = true;
    reader.cancel().catch(() => {/* its sender has gone */});
  });
  let text = "";
  let bytes = 0;
  try {
    while (true) {
      const { done, value } = await reader.read();
      if (isLate) throw new BodyRefused(problem(408, "TIMEOUT", `Cannot read the body as it must arrive within ${BODY_MS / 1_000} s`));
      if (done) return text + decoder.decode();
      bytes += value.length;
      if (bytes > maxBytes) throw tooLong(maxBytes);
      text += decoder.decode(value, { stream: true });
    }
  } catch (error) {
    reader.cancel().catch(() => {/* its sender has gone */});
    if (error instanceof BodyRefused) throw error;
    throw new BodyRefused(problem(400, "IPC_PROTOCOL", "Cannot read the body as it broke off"));
  } finally {
    timer[Symbol.dispose]();
  }
}

/** Refuses a body that says itself that it is too long. */
export function refuseLong(request: Request, maxBytes: number): void {
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) throw tooLong(maxBytes);
}

function tooLong(maxBytes: number): BodyRefused {
  return new BodyRefused(problem(413, "IPC_PROTOCOL", `Cannot read the body as it must be at most ${maxBytes} bytes`));
}
