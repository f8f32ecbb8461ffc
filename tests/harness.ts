import nodeTest from "node:test";

type Body = () => void | Promise<void>;

/** Registers a test: with leak checks where the runner has them, plainly elsewhere. */
export const test: (name: string, fn: Body) => void = "Deno" in globalThis
  ? (name, fn) => Deno.test({ name, fn, sanitizeOps: true, sanitizeResources: true, sanitizeExit: true })
  : (name, fn) => void nodeTest(name, fn);
