import { LineRing } from "../core/line_ring.ts";
import type { LineCounts, LogLine } from "../core/operations.ts";

/** Lines kept for each unit. */
const LINES_PER_UNIT = 1_000;

/** The newest lines of every unit, numbered over all of them. */
export class LineStore {
  readonly #rings = new Map<string, LineRing>();
  readonly #followers = new Set<(line: LogLine) => void>();
  readonly #counts = new Map<string, LineCounts>();
  #seq = 0;

  /** Keeps a line and hands it to all who follow. */
  publish(line: Omit<LogLine, "seq">): void {
    const numbered: LogLine = { seq: ++this.#seq, ...line };
    let ring = this.#rings.get(line.name);
    if (ring === undefined) this.#rings.set(line.name, ring = new LineRing({ maxLines: LINES_PER_UNIT }));
    ring.push(numbered);
    let counts = this.#counts.get(line.name);
    if (counts === undefined) this.#counts.set(line.name, counts = { name: line.name, stdout: 0, stderr: 0, dropped: 0 });
    counts[line.stream]++;
    for (const follower of this.#followers) follower(numbered);
  }

  /** The newest `limit` lines of these units (all when empty) that `isWanted` (all when left out), oldest first. */
  last(names: readonly string[], limit: number, isWanted?: (line: LogLine) => boolean): LogLine[] {
    const rings = names.length === 0 ? [...this.#rings.values()] : names.flatMap((name) => this.#rings.get(name) ?? []);
    const lines = rings.flatMap((ring) => isWanted === undefined ? ring.last(limit) : ring.last(ring.size).filter(isWanted));
    return lines.sort((a, b) => a.seq - b.seq).slice(Math.max(0, lines.length - limit));
  }

  /** How many lines each unit has printed. */
  counts(): LineCounts[] {
    return [...this.#counts.values()];
  }

  /** Calls `fn` for each new line until disposed. It must not throw. */
  follow(fn: (line: LogLine) => void): Disposable {
    this.#followers.add(fn);
    return { [Symbol.dispose]: () => void this.#followers.delete(fn) };
  }
}
