import { type LineBlock, linesOf, type NumberedBlock } from "../core/wire/line_block.ts";
import { LineRing } from "../core/wire/line_ring.ts";
import type { LineCounts } from "../core/supervise/operations.ts";
import type { LogLine } from "../core/wire/line_block.ts";

/** Lines kept for each unit. */
const LINES_PER_UNIT = 1_000;

/** Lines kept of one unit. */
interface UnitLines {
  readonly ring: LineRing;
  readonly counts: Omit<LineCounts, "keptFrom">;
}

/** The newest lines of every unit, numbered over all of them, and how many there were. */
export class LineStore {
  readonly #units = new Map<string, UnitLines>();
  readonly #followers = new Set<(block: NumberedBlock) => void>();
  #seq = 0;

  /** Keeps lines and hands them to all who follow. */
  publish(block: LineBlock): void {
    const { time, name, stream, text, count } = block;
    const numbered: NumberedBlock = { seq: this.#seq + 1, time, name, stream, text, count };
    this.#seq += count;
    const { ring, counts } = this.#unit(name);
    ring.push(numbered);
    counts[stream] += count;
    for (const follower of this.#followers) follower(numbered);
  }

  /** Counts lines of a unit that could not be kept in its log file. */
  countDropped(name: string, count: number): void {
    this.#unit(name).counts.dropped += count;
  }

  /** Counts that the log file of a unit could not be written any more. */
  countFailure(name: string): void {
    this.#unit(name).counts.failures++;
  }

  /** How many lines each unit has printed, and since when they are kept. */
  counts(): LineCounts[] {
    return [...this.#units.values()].map(({ counts, ring }) => ({ ...counts, keptFrom: ring.keptFrom }));
  }

  /** Counts a unit from now on, before it has printed anything. */
  know(name: string): void {
    this.#unit(name);
  }

  /** Forgets a unit that is no more. */
  forget(name: string): void {
    this.#units.delete(name);
  }

  /** The newest `limit` lines of these units (all when empty) that `isWanted` (all when left out), oldest first. */
  last(names: readonly string[], limit: number, isWanted?: (line: LogLine) => boolean): LogLine[] {
    const units = names.length === 0 ? [...this.#units.values()] : names.flatMap((name) => this.#units.get(name) ?? []);
    const lines = units.flatMap(({ ring }) => isWanted === undefined ? ring.last(limit) : ring.last(Infinity).filter(isWanted));
    return lines.sort((a, b) => a.seq - b.seq).slice(Math.max(0, lines.length - limit));
  }

  /** Calls `fn` for each new line of these units (all when empty) until disposed. It must not throw. */
  follow(names: readonly string[], fn: (line: LogLine) => void): Disposable {
    const wanted = new Set(names);
    const follower = (block: NumberedBlock) => {
      if (wanted.size === 0 || wanted.has(block.name)) { for (const line of linesOf(block)) fn(line); }
    };
    this.#followers.add(follower);
    return { [Symbol.dispose]: () => void this.#followers.delete(follower) };
  }

  #unit(name: string): UnitLines {
    let unit = this.#units.get(name);
    if (unit === undefined) {
      unit = { ring: new LineRing({ maxLines: LINES_PER_UNIT }), counts: { name, stdout: 0, stderr: 0, dropped: 0, failures: 0 } };
      this.#units.set(name, unit);
    }
    return unit;
  }
}
