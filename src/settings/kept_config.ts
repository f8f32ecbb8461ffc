import type { Clock } from "../core/ports/clock.ts";
import { ConfigError, formatIssue, IoError, messageOf } from "../core/values/errors.ts";
import type { Files } from "../core/ports/files.ts";
import type { Logger } from "../core/ports/log.ts";
import { RepeatedLook } from "../instance/repeated_look.ts";

/** Files that were read for a configuration. */
export interface KeptFiles {
  /** Texts by absolute path. */
  readonly texts: ReadonlyMap<string, string>;
  /** Paths at which there was nothing. */
  readonly missing: ReadonlySet<string>;
}

/** The files that loading needs. */
export type ReadFiles = Pick<Files, "read" | "info">;

/** Where the last configuration in force is kept, by state folder. */
const fileIn = (state: string) => `${state}/last-config.json`;

/** Files as they are, with what was read of them. */
export function recording(files: ReadFiles): ReadFiles & { readonly kept: KeptFiles } {
  const texts = new Map<string, string>();
  const missing = new Set<string>();
  return {
    kept: { texts, missing },
    async read(path, options) {
      const content = await files.read(path, options);
      texts.set(path, new TextDecoder("utf-8", { ignoreBOM: true }).decode(content.bytes));
      return content;
    },
    info(path) {
      const info = files.info(path);
      if (info === undefined) missing.add(path);
      return info;
    },
  };
}

/** Files as they were when they were kept; what was not looked at then is as it is. */
export function keptView({ texts, missing }: KeptFiles, files: ReadFiles): ReadFiles {
  return {
    read(path, options) {
      const text = texts.get(path);
      if (text === undefined) return files.read(path, options);
      const bytes = new TextEncoder().encode(text);
      return Promise.resolve({ bytes, info: { kind: "file", size: bytes.length, mode: 0o600, uid: 0, mtimeMs: 0, inode: 0 } });
    },
    info(path) {
      const text = texts.get(path);
      if (text !== undefined) return { kind: "file", size: text.length, mode: 0o600, uid: 0, mtimeMs: 0, inode: 0 };
      return missing.has(path) ? undefined : files.info(path);
    },
  };
}

/** Keeps what the configuration in force was read from, for nobody but this user: it may hold secrets. */
export function keepConfig(state: string, path: string, { texts, missing }: KeptFiles, files: Files): void {
  files.makeDir(state);
  files.writeText(fileIn(state), `${JSON.stringify({ v: 1, path, texts: [...texts], missing: [...missing] })}\n`, { mode: 0o600 });
}

/** Reads the files kept for the configuration at this path; undefined where there is nothing of use. */
export function readKept(state: string, path: string, files: Files): KeptFiles | undefined {
  try {
    const { v, path: of, texts, missing } = JSON.parse(files.readText(fileIn(state))) as Record<string, unknown>;
    if (v !== 1 || of !== path || !Array.isArray(texts) || !Array.isArray(missing)) return undefined;
    return { texts: new Map(texts), missing: new Set(missing) };
  } catch (error) {
    if (error instanceof IoError || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Options of {@linkcode MendWatch}. */
export interface MendWatchOptions {
  /** The configuration file. */
  path: string;
  /** Its fault. */
  problem: unknown;
  /** Reads it again; rejects while it is not right. */
  read: () => Promise<unknown>;
  /** Called once it is right, and for as long as that fails. */
  onRight: () => Promise<boolean>;
  /** Times the looks. */
  clock: Clock;
  /** Told at once and each minute. */
  log: Logger;
}

/** Time between two looks, and between two complaints. */
const LOOK_MS = 5_000;
const LOOKS_A_COMPLAINT = 12;

/**
 * Waits until a configuration file is right again in whose place the last one in force was taken, and says each minute that it is not.
 */
export class MendWatch implements Disposable {
  readonly #options: MendWatchOptions;
  #problem: unknown;
  readonly #looks: RepeatedLook;
  #failures = 0;

  /** Complains, and begins to look. */
  constructor(options: MendWatchOptions) {
    this.#options = options;
    this.#problem = options.problem;
    this.#looks = new RepeatedLook(options.clock, LOOK_MS, () => this.#look());
    this.#complain(options.problem);
  }

  /** Notice for the operator, while the fault lasts. */
  get notice(): string | undefined {
    if (this.#looks.isOver) return undefined;
    const problem = this.#problem;
    const why = problem instanceof ConfigError && problem.issues.length > 0 ? formatIssue(problem.issues[0]) : messageOf(problem);
    return `runs with the last configuration that was in force, as the file can't be used: ${why}`;
  }

  /** Ends it. */
  [Symbol.dispose](): void {
    this.#looks[Symbol.dispose]();
  }

  async #look(): Promise<void> {
    const { read, onRight } = this.#options;
    try {
      await read();
      if (!this.#looks.isOver && await onRight()) this[Symbol.dispose]();
    } catch (error) {
      this.#problem = error;
      if (++this.#failures % LOOKS_A_COMPLAINT === 0) this.#complain(error);
    }
  }

  #complain(error: unknown): void {
    this.#options.log.error("the configuration can't be used: the last one that was in force goes on until the file is right", {
      file: this.#options.path,
      err: error,
    });
  }
}
