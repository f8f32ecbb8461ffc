import type { LineBlock } from "../core/wire/line_block.ts";
import { shownStates } from "../core/values/terminal_text.ts";

/** Of a line that comes in pieces so much is remembered. */
const MAX_LENGTH = 65_536;

/**
 * Looks for the line that says that a program is ready, in what a person sees: without colours, in each state of a line that is written
 * over, such as a progress bar, and in a line that has paused, such as a prompt. A line that comes in pieces is looked at whole.
 */
export class ReadyLine {
  readonly #pattern: RegExp;
  /** Text so far of the unfinished line of each stream. */
  readonly #begun = new Map<LineBlock["stream"], string>();

  /** Looks for a line that matches. */
  constructor(pattern: RegExp) {
    this.#pattern = pattern;
  }

  /** Says whether one of these lines matches. */
  isIn({ stream, text, continues, open }: LineBlock): boolean {
    const lines = text.split("\n");
    if (continues) lines[0] = (this.#begun.get(stream) ?? "") + lines[0];
    if (open) this.#begun.set(stream, lines.at(-1)!.slice(-MAX_LENGTH));
    return lines.some((line) => this.#pattern.test(line) || shownStates(line).some((state) => this.#pattern.test(state)));
  }
}
