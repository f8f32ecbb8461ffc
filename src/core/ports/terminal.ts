/** The terminal or whatever stdout (1) and stderr (2) are. */
export interface Terminal {
  /** Whether the descriptor is a terminal. */
  isTerminal(fd: 1 | 2): boolean;
  /**
   * Whether the system ends this process when its terminal goes away: it has one, wherever its output goes, and nobody (`nohup`) asked to
   * ignore SIGHUP. False once that terminal is gone.
   */
  canHangUp(): boolean;
  /**
   * Writes on while the terminal belongs to another job, until disposed: where the user has asked for it (`stty tostop`), the system stops
   * everything that writes from the background. Does nothing where that can't be asked of the system.
   * Programs that are started meanwhile may inherit it; it means nothing to them, as they have no terminal.
   */
  keepWriting(): Disposable;
  /** Width in characters, 80 when it is no terminal. */
  columns(): number;
  /** Height in lines, 24 when it is no terminal. */
  rows(): number;
  /**
   * Writes text whole, and waits for who reads it: for commands that have nothing else to do. False when nobody reads any more (EPIPE),
   * never an exception. From the first {@linkcode Terminal.post} on it does not wait either.
   */
  write(fd: 1 | 2, text: string): boolean;
  /**
   * Hands on text that is written as soon as its reader takes it; this process waits for nothing. False once nobody reads any more.
   *
   * - A bounded amount waits; what comes after that is dropped, and a line in its place says how many lines are missing.
   * - Text posted to both keeps its order where both are one terminal or pipe.
   * - Files are written at once.
   */
  post(fd: 1 | 2, text: string | Uint8Array, options?: PostOptions): boolean;
  /**
   * For who posts much and can wait, so that a burst costs no lines: resolves when the reader has caught up, after a tenth of a second at the
   * latest. Undefined while there is room, and when the reader has stopped reading.
   */
  room(fd: 1 | 2): Promise<void> | undefined;
  /** Whether posted text waits for its reader. */
  isBusy(fd: 1 | 2): boolean;
  /**
   * Resolves with true once everything posted is written or nobody reads any more, and with false when a reader takes nothing for a second,
   * or not all within five. A write that goes on then keeps the process from ending by itself: see {@linkcode OwnProcess.exit}.
   */
  flush(): Promise<boolean>;
}

/** Options of {@linkcode PacedOutput.post}. */
export interface PostOptions {
  /** Lines in the text. @default {1} */
  count?: number;
  /** Makes the note that is written in the place of lines that were dropped. @default {a sentence behind "daemonkit: "} */
  noteDropped?: (count: number) => string;
}
