import type { Modules } from "../core/ports/modules.ts";

/** Modules whose exports a test says; a part of {@linkcode FakeHost}. */
export class FakeModules implements Modules {
  /** Exports by path. */
  readonly exports: Map<string, Readonly<Record<string, unknown>>> = new Map();
  /** Modules that were provided, by name. */
  readonly provided: Map<string, () => Promise<Readonly<Record<string, unknown>>>> = new Map();

  /** The exports that the test has set. */
  load(path: string): Promise<Readonly<Record<string, unknown>>> {
    const exports = this.exports.get(path);
    return exports === undefined ? Promise.reject(new Error(`Cannot find module "${path}"`)) : Promise.resolve(exports);
  }

  /** Nothing is. */
  unloadable(): string | undefined {
    return undefined;
  }

  /** Keeps what was provided. */
  provide(name: string, exports: () => Promise<Readonly<Record<string, unknown>>>): void {
    this.provided.set(name, exports);
  }
}
