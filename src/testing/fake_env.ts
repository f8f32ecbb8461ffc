import type { Env } from "../core/ports/env.ts";

/** Environment variables that a test says; a part of {@linkcode FakeHost}. */
export class FakeEnv implements Env {
  readonly #variables: Readonly<Record<string, string>>;

  /** Created with variables, which are read anew at each call. */
  constructor(variables: Readonly<Record<string, string>> = {}) {
    this.#variables = variables;
  }

  /** The value. */
  get(name: string): string | undefined {
    return this.#variables[name];
  }

  /** A copy of all of them. */
  all(): Record<string, string> {
    return { ...this.#variables };
  }

  /** None are. */
  broken(): readonly string[] {
    return [];
  }
}
