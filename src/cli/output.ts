import type { Host } from "../core/ports/host.ts";
import { harmlessJson, inert, ownStyled, tame } from "../core/values/terminal_text.ts";
import { beforeDying } from "./stop_signals.ts";

/** Styles that a text for a person may have. */
export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";

const STYLE_CODES: Record<Style, number> = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 };

const CLEAR_LINE = "\r\x1b[K";

/** Puts a style around a text, or leaves it as it is. */
export type Paint = (text: string, style: Style) => string;

/** Parts of the machine that an {@linkcode Output} needs. */
export type OutputHost = Pick<Host, "terminal" | "env" | "clock" | "signals" | "processes">;

/** Where a command writes. */
export class Output {
  readonly #host: OutputHost;
  readonly #program: string;
  readonly #noColor: boolean;
  /** Whether the cursor stands behind what {@linkcode Output.waitFor} shows. */
  #isLineShown = false;

  /** Creates the output of one command. */
  constructor(host: OutputHost, program: string) {
    this.#host = host;
    this.#program = program;
    this.#noColor = Boolean(host.env.get("NO_COLOR")) || host.env.get("TERM") === "dumb";
  }

  /** Width in characters to write for; undefined where the output is no terminal and nothing needs cutting. */
  get width(): number | undefined {
    return this.#host.terminal.isTerminal(1) ? this.#host.terminal.columns() : undefined;
  }

  /** Whether styles show on this descriptor: on terminals only, and never with NO_COLOR. */
  hasColor(fd: 1 | 2): boolean {
    return !this.#noColor && this.#host.terminal.isTerminal(fd);
  }

  /** Styles a text for stdout. */
  readonly paint: Paint = (text, style) => this.#painted(1, text, style);

  /** Styles a text for stderr. */
  readonly paintError: Paint = (text, style) => this.#painted(2, text, style);

  #painted(fd: 1 | 2, text: string, style: Style): string {
    return this.hasColor(fd) ? `\x1b[${STYLE_CODES[style]}m${text}\x1b[0m` : text;
  }

  /** Writes lines to stdout; false when nobody reads any more. They can only show, in our own styles, whoever has chosen a part of them. */
  print(text: string): boolean {
    return this.#host.terminal.write(1, `${this.shown(text.endsWith("\n") ? text.slice(0, -1) : text)}\n`);
  }

  /** Writes lines of a unit to stdout: as they are where a program reads them, in their own colours at most on a terminal. */
  printLines(text: string): boolean {
    const { terminal } = this.#host;
    return terminal.write(1, `${terminal.isTerminal(1) ? tame(text) : text}\n`);
  }

  /** A text for stdout in which nothing but our own styles does anything. */
  shown(text: string): string {
    return this.hasColor(1) ? ownStyled(text) : inert(text);
  }

  /** Writes data to stdout as JSON for programs. */
  printJson(data: unknown): boolean {
    return this.printJsonText(JSON.stringify(data, null, 2));
  }

  /** Writes what is JSON already to stdout; what it quotes does nothing to a terminal. */
  printJsonText(json: string): boolean {
    return this.print(harmlessJson(json));
  }

  /** Writes a remark to stderr, after the program's name. */
  note(text: string): void {
    this.#writeError(`${this.#program}: ${inert(text)}\n`);
  }

  /** Writes text to stderr in which nothing but our own styles does anything, in the place of the line that says what is waited for. */
  writeError(text: string): void {
    this.#writeError(this.hasColor(2) ? ownStyled(text) : inert(text));
  }

  #writeError(text: string): void {
    this.#host.terminal.write(2, `${this.#isLineShown ? CLEAR_LINE : ""}${text}`);
    this.#isLineShown = false;
  }

  /** Waits for `work`; on a terminal a line on stderr says what for, once it has taken 300 ms, and goes away, also by Ctrl+C. */
  async waitFor<T>(what: string, work: Promise<T>): Promise<T> {
    const { terminal, clock } = this.#host;
    if (!terminal.isTerminal(2)) return await work;
    const FIRST_MS = 300;
    const STEP_MS = 100;
    const FRAMES = ["-", "\\", "|", "/"];
    const beganMs = clock.nowMs();
    let steps = 0;
    let dying: Disposable | undefined;
    const step = () => {
      dying ??= beforeDying(this.#host, end);
      const time = ` … ${Math.floor((clock.nowMs() - beganMs) / 1_000)}s`;
      // A line that is wrapped could not be taken away.
      const shown = [...inert(what)].slice(0, Math.max(0, terminal.columns() - time.length - 3)).join("");
      terminal.write(2, `${CLEAR_LINE}${FRAMES[steps++ % FRAMES.length]} ${shown}${time}`);
      this.#isLineShown = true;
      timer = clock.schedule(STEP_MS, step);
    };
    let timer = clock.schedule(FIRST_MS, step);
    const end = () => {
      timer[Symbol.dispose]();
      dying?.[Symbol.dispose]();
      if (this.#isLineShown) this.writeError("");
    };
    try {
      return await work;
    } finally {
      end();
    }
  }
}
