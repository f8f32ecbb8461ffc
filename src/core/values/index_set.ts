/** Levels of 32 bits each: enough for 2^30 members. */
const LEVELS = 6;

/** A set of small integers that tells its lowest and its highest in constant time: a bit for each, and above that a bit for each 32 that are not empty. */
export class IndexSet {
  readonly #levels: number[][] = Array.from({ length: LEVELS }, () => []);

  /** The lowest member; Infinity when there is none. */
  get lowest(): number {
    return this.#walk(Infinity, (word) => 31 - Math.clz32(word & -word));
  }

  /** The highest member; -1 when there is none. */
  get highest(): number {
    return this.#walk(-1, (word) => 31 - Math.clz32(word));
  }

  /** Adds an integer >= 0. */
  add(index: number): void {
    let at = index;
    for (const words of this.#levels) {
      const place = at >>> 5;
      while (words.length <= place) words.push(0);
      const before = words[place];
      words[place] = before | (1 << (at & 31));
      if (before !== 0) return;
      at = place;
    }
  }

  /** Takes one out, if it is there. */
  delete(index: number): void {
    let at = index;
    for (const words of this.#levels) {
      const place = at >>> 5;
      if (place >= words.length) return;
      words[place] &= ~(1 << (at & 31));
      if (words[place] !== 0) return;
      at = place;
    }
  }

  /** Empties it. */
  clear(): void {
    for (const words of this.#levels) words.length = 0;
  }

  #walk(none: number, choose: (word: number) => number): number {
    let at = 0;
    for (let level = LEVELS - 1; level >= 0; level--) {
      const word = this.#levels[level][at] ?? 0;
      if (word === 0) return none;
      at = at * 32 + choose(word);
    }
    return at;
  }
}
