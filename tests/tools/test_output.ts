/** The sum of a run of tests. */
export interface Tally {
  /** Tests that passed. */
  passed: number;
  /** Tests that failed, and at least 1 when the runner itself did. */
  failed: number;
  /** Tests that were left out. */
  skipped: number;
}

type Outcome = keyof Tally;

const DENO_OUTCOMES: Readonly<Record<string, Outcome>> = { ok: "passed", FAILED: "failed", ignored: "skipped" };
const BUN_OUTCOMES: Readonly<Record<string, Outcome>> = { pass: "passed", fail: "failed", skip: "skipped", todo: "skipped" };

/** Reads what `deno test` or `bun test` prints, line by line, and says what of it a person needs: failures, with what belongs to them. */
export class TestOutput {
  readonly tally: Tally = { passed: 0, failed: 0, skipped: 0 };
  /** Each failed test, with its file. */
  readonly failures: string[] = [];
  #file = "";
  /** Output since the last test has ended; it belongs to the next one. */
  #held: string[] = [];
  /** Reports of failures that are no end of a test: for Deno's up to its list of names, for Bun's so many rules to come. */
  #telling: "no" | "deno" | number = "no";
  /** Bun says all failures a second time at its end. */
  #isOver = false;

  /** Takes a line; returns those that are to be shown now. */
  take(line: string): string[] {
    const file = /^running \d+ tests? from (?:\.\/)?(.+)$/.exec(line)?.[1] ?? /^(\S+_test\.ts):$/.exec(line)?.[1];
    if (file !== undefined) {
      this.#file = file;
      this.#held = [];
      return [];
    }
    if (line === " ERRORS ") this.#telling = "deno";
    if (line === " FAILURES ") this.#telling = "no";
    if (line === "# Unhandled error between tests") this.#telling = 2;
    if (/^\d+ tests? failed:$/.test(line)) this.#isOver = true;
    if (this.#telling !== "no") {
      if (this.#telling !== "deno" && /^-{10,}$/.test(line)) this.#telling = this.#telling === 2 ? 1 : "no";
      return line === " ERRORS " ? [] : [line];
    }
    const ended = this.#isOver ? undefined : endOfTest(line);
    if (ended === undefined) {
      this.#held.push(line);
      return [];
    }
    const shown = ended.outcome === "failed" ? [...this.#held, line] : [];
    this.tally[ended.outcome]++;
    if (ended.outcome === "failed") this.failures.push(`${this.#file}: ${ended.name}`);
    this.#held = [];
    return shown;
  }

  /** The runner has ended; of one that failed in another way than by a test, the last lines say why. */
  end(isWell: boolean): string[] {
    if (isWell || this.tally.failed > 0) return [];
    this.tally.failed = 1;
    this.failures.push("the runner itself");
    return this.#held;
  }

  /** The last lines, of whatever ran last. */
  get tail(): readonly string[] {
    return this.#held.slice(-20);
  }
}

function endOfTest(line: string): { outcome: Outcome; name: string } | undefined {
  const [, denoName, denoWord] = /^(.*) \.\.\. (ok|FAILED|ignored)(?: \([^()]*\))?$/.exec(line) ?? [];
  if (denoName !== undefined) return { outcome: DENO_OUTCOMES[denoWord], name: denoName };
  const [, bunWord, bunName] = /^\((pass|fail|skip|todo)\) (.*?)(?: \[[\d.]+m?s\])?$/.exec(line) ?? [];
  return bunName === undefined ? undefined : { outcome: BUN_OUTCOMES[bunWord], name: bunName };
}

/** Adds two sums. */
export function add(one: Tally, other: Tally): Tally {
  return { passed: one.passed + other.passed, failed: one.failed + other.failed, skipped: one.skipped + other.skipped };
}

/** A sum in the words of the last line. */
export function sentence({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}
