/** Environment variables of this process. */
export interface Env {
  /** The value, or undefined when it is not set, or {@linkcode Env.broken}. */
  get(name: string): string | undefined;
  /** A copy of all of them, without those that are {@linkcode Env.broken}. */
  all(): Record<string, string>;
  /** Names of those whose bytes are no UTF-8: they can't be told or handed on as they are. */
  broken(): readonly string[];
}
