import type { Clock } from "../core/clock.ts";
import type { Host, Terminal } from "../core/host.ts";

/** Styles that a text for a person may have. */
export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";

const STYLE_CODES: Record<Style, number> = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 };

/** Puts a style around a text, or leaves it as it is. */
export type Paint = (text: string, style: Style) => string;

/** Where a command writes. */
export class Output {
  readonly #terminal: Terminal;
  readonly #clock: Clock;
  readonly #program: string;
  readonly #noColor: boolean;

  /** Creates the output of one command. */
  constructor(host: Pick<Host, "terminal" | "env" | "clock">, program: string) {
    this.#terminal = host.terminal;
    this.#clock = host.clock;
    this.#program = program;
    this.#noColor = Boolean(host.env.get("NO_COLOR")) || host.env.get("TERM") === "dumb";
  }

  /** Width in characters to write for; undefined where the output is no terminal and nothing needs cutting. */
  get width(): number | undefined {
    return this.#terminal.isTerminal(1) ? this.#terminal.columns() : undefined;
  }

  /** Whether styles show on this descriptor: on terminals only, and never with NO_COLOR. */
  hasColor(fd: 1 | 2): boolean {
    return !this.#noColor && this.#terminal.isTerminal(fd);
  }

  /** Styles a text for stdout. */
  readonly paint: Paint = (text, style) => this.#painted(1, text, style);

  /** Styles a text for stderr. */
  readonly paintError: Paint = (text, style) => this.#painted(2, text, style);

  #painted(fd: 1 | 2, text: string, style: Style): string {
    return this.hasColor(fd) ? `\x1b[${STYLE_CODES[style]}m${text}\x1b[0m` : text;
  }

  /** Writes lines to stdout; false when nobody reads any more. */
  print(text: string): boolean {
    return this.#terminal.write(1, text.endsWith("\n") ? text : `${text}\n`);
  }

  /** Writes data to stdout as JSON for programs. */
  printJson(data: unknown): boolean {
    return this.print(JSON.stringify(data, null, 2));
  }

  /** Writes a remark to stderr, after the program's name. */
  note(text: string): void {
    this.#terminal.write(2, `${this.#program}: ${text}\n`);
  }

  /** Writes text to stderr as it is. */
  writeError(text: string): void {
    this.#terminal.write(2, text);
  }

  /** Waits for `work`; on a terminal a line on stderr says what for, once it has taken 300 ms. */
  async waitFor<T>(what: string, work: Promise<T>): Promise<T> {
    if (!this.#terminal.isTerminal(2)) return await work;
    const FIRST_MS = 300;
    const STEP_MS = 100;
    const FRAMES = ["-", "\\", "|", "/"];
    const beganMs = this.#clock.nowMs();
    let shown = 0;
    const step = () => {
      const seconds = Math.floor((this.#clock.nowMs() - beganMs) / 1_000);
      this.#terminal.write(2, `\r\x1b[K${FRAMES[shown++ % FRAMES.length]} ${what} … ${seconds}s`);
      timer = this.#clock.schedule(STEP_MS, step);
    };
    let timer = this.#clock.schedule(FIRST_MS, step);
    try {
      return await work;
    } finally {
      timer[Symbol.dispose]();
      if (shown > 0) this.#terminal.write(2, "\r\x1b[K");
    }
  }
}
