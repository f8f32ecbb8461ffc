import { formatPath, type Path } from "../schema/tree.ts";

/** Values by path. Most are never asked for, so the texts that the paths are found by are made at the first question. */
export class PathMap<T> {
  readonly #byText = new Map<string, T>();
  /** Values set since the last question. */
  #fresh: [path: Path, value: T][] = [];

  /** Puts a value at a path; a later one replaces it. */
  set(path: Path, value: T): void {
    this.#fresh.push([path, value]);
  }

  /** The value at a path. */
  get(path: Path): T | undefined {
    for (const [at, value] of this.#fresh) this.#byText.set(formatPath(at), value);
    this.#fresh = [];
    return this.#byText.get(formatPath(path));
  }
}
