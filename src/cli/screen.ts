import type { Terminal } from "../core/ports/terminal.ts";

const ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l"; // a screen of its own, no cursor, long lines cut
const LEAVE = "\x1b[?7h\x1b[?25h\x1b[?1049l";
const HOME = "\x1b[H";
const CLEAR_LINE = "\x1b[K";
const CLEAR_BELOW = "\x1b[J";

/**
 * A picture that is drawn again and again in the same place of a terminal, on a screen of its own: what stood there before comes back when
 * it is disposed. Each picture is one write over the last one, so that nothing flickers.
 *
 * Nothing waits for a terminal that takes nothing, as one does after Ctrl+S: pictures are left out until it has taken the last one.
 */
export class Screen implements Disposable {
  readonly #terminal: Terminal;
  #isEntered = false;

  /** Creates a screen; the terminal stays as it is until something is drawn. */
  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** Draws lines, as many as there is room for; false when nobody looks any more. */
  draw(text: string): boolean {
    if (this.#terminal.isBusy(1)) return true;
    const lines = text.split("\n");
    const room = Math.max(2, this.#terminal.rows());
    const shown = lines.length <= room ? lines : [...lines.slice(0, room - 1), `… ${lines.length - room + 1} more lines`];
    const entering = this.#isEntered ? "" : ENTER;
    this.#isEntered = true;
    return this.#terminal.post(1, entering + HOME + shown.map((line) => line + CLEAR_LINE).join("\n") + CLEAR_BELOW);
  }

  /** Gives the terminal back, until the next picture. */
  leave(): void {
    if (this.#isEntered) this.#terminal.post(1, LEAVE);
    this.#isEntered = false;
  }

  [Symbol.dispose](): void {
    this.leave();
  }
}
