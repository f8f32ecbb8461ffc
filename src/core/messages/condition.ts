/** Lets those who wait for something look again whenever it may have changed. */
export class Condition {
  readonly #waiting = new Set<() => void>();

  /** Resolves once `isTrue`, which is asked at once and at each change. */
  until(isTrue: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!isTrue()) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }

  /** Something may have changed. */
  tell(): void {
    for (const look of [...this.#waiting]) look();
  }
}
