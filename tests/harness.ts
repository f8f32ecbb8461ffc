import { appendFileSync } from "node:fs";
import nodeTest from "node:test";
import process from "node:process";

type Body = () => void | Promise<void>;

/** File in which `tests/tools/test.ts` reads which test is under way; without it nothing is noted. */
const NOTES = process.env.TEST_NOTES;

function noted(name: string, fn: Body): Body {
  if (NOTES === undefined) return fn;
  return async () => {
    appendFileSync(NOTES, `+${name}\n`);
    try {
      await fn();
    } finally {
      appendFileSync(NOTES, `-${name}\n`);
    }
  };
}

/** Registers a test: with leak checks where the runner has them, plainly elsewhere. */
export const test: (name: string, fn: Body) => void = "Deno" in globalThis
  ? (name, fn) => Deno.test({ name, fn: noted(name, fn), sanitizeOps: true, sanitizeResources: true, sanitizeExit: true })
  : (name, fn) => void nodeTest(name, noted(name, fn));
