import type { Clock } from "../ports/clock.ts";
import { Deadlines } from "./deadlines.ts";

/** The four deadlines of a shutdown, in milliseconds from its beginning. */
export interface ShutdownTimes {
  /** Not ready any more, still serving. @default {0} */
  drainDelayMs: number;
  /** End of the graceful time. @default {5_000} */
  timeoutMs: number;
  /** All units that can be killed are killed. @default {10_000} */
  forceTimeoutMs: number;
  /** The daemon gives up and ends with the report. @default {15_000} */
  killTimeoutMs: number;
}

/** Calls of a {@linkcode ShutdownTimeline}, each made at most once and in this order; `nowMs` is the time that it has just read. */
export interface ShutdownSteps {
  /** Begins to stop gracefully. */
  stop(nowMs: number): void;
  /** Patience is over: everything is told to stop at once. */
  force(): void;
  /** All units that can be killed are killed. */
  kill(): void;
  /** Gives up on what is left. */
  giveUp(): void;
}

type Phase = "idle" | "draining" | "graceful" | "forced" | "killing" | "over";

/**
 * Walks through the deadlines of one shutdown under one clock, counted from the first request.
 *
 * - A second request changes nothing; {@linkcode ShutdownTimeline.hurry} jumps ahead.
 * - {@linkcode ShutdownTimeline.finish} ends it at any point: no step is called afterwards and no timer is left.
 *
 * @example The steps come in order, at their times
 * ```ts
 * import { FakeClock } from "@daemonkit/daemonkit/testing";
 * import assert from "node:assert/strict";
 *
 * const clock = new FakeClock();
 * const steps: string[] = [];
 * const note = (name: string) => () => void steps.push(`${name}@${clock.nowMs()}`);
 * const timeline = new ShutdownTimeline(clock, { drainDelayMs: 10, timeoutMs: 20, forceTimeoutMs: 30, killTimeoutMs: 40 }, {
 *   stop: note("stop"), force: note("force"), kill: note("kill"), giveUp: note("giveUp"),
 * });
 * const startMs = clock.nowMs();
 * timeline.begin();
 * await clock.advance(100);
 * assert.deepEqual(steps, ["stop", "force", "kill", "giveUp"].map((name, index) => `${name}@${startMs + 10 * (index + 1)}`));
 * ```
 */
export class ShutdownTimeline {
  readonly #clock: Clock;
  readonly #deadlines: Deadlines;
  #times: ShutdownTimes;
  readonly #steps: ShutdownSteps;
  #phase: Phase = "idle";
  #beganMs = 0;
  #timer: Disposable | undefined;

  /** Creates a timeline that has not begun. */
  constructor(clock: Clock, times: ShutdownTimes, steps: ShutdownSteps, deadlines: Deadlines = new Deadlines(clock)) {
    this.#clock = clock;
    this.#deadlines = deadlines;
    this.#times = times;
    this.#steps = steps;
  }

  /** Takes other deadlines; once it has begun, they stay as they are. */
  retime(times: ShutdownTimes): void {
    if (this.#phase === "idle") this.#times = times;
  }

  /** Whether it has begun. */
  get hasBegun(): boolean {
    return this.#phase !== "idle";
  }

  /** Whether the graceful time is over. */
  get isForced(): boolean {
    return this.#phase === "forced" || this.#phase === "killing";
  }

  /** Milliseconds until the daemon gives up; undefined before the beginning. */
  remainingMs(): number | undefined {
    return this.#phase === "idle" ? undefined : Math.max(0, this.#beganMs + this.#times.killTimeoutMs - this.#clock.nowMs());
  }

  /** Begins; false when it has begun before. */
  begin(): boolean {
    if (this.#phase !== "idle") return false;
    this.#beganMs = this.#clock.nowMs();
    if (this.#times.drainDelayMs > 0) {
      this.#phase = "draining";
      this.#arm(this.#beganMs);
    } else this.#enterGraceful(this.#beganMs);
    return true;
  }

  /**
   * Jumps ahead, as on a second signal: first to the killing, then to the end. Survivors of that keep the time that the plan leaves
   * between killing and giving up.
   */
  hurry(): void {
    if (this.#phase === "over" || this.#phase === "idle") return;
    if (this.#phase === "killing") return this.#giveUp();
    const nowMs = this.#clock.nowMs();
    this.#beganMs = nowMs - this.#times.forceTimeoutMs;
    if (this.#phase === "draining") this.#steps.stop(nowMs);
    if (!this.isForced && !this.#isOver) {
      this.#phase = "forced";
      this.#steps.force();
    }
    if (!this.#isOver) this.#enterKilling();
  }

  /** Ends the timeline because everything has stopped. */
  finish(): void {
    this.#phase = "over";
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  #next(): void {
    if (this.#phase === "draining") this.#enterGraceful(this.#clock.nowMs());
    else if (this.#phase === "graceful") {
      this.#phase = "forced";
      this.#steps.force();
      this.#arm();
    } else if (this.#phase === "forced") this.#enterKilling();
    else if (this.#phase === "killing") this.#giveUp();
  }

  #enterGraceful(nowMs: number): void {
    this.#phase = "graceful";
    this.#steps.stop(nowMs);
    this.#arm(nowMs);
  }

  #enterKilling(): void {
    this.#phase = "killing";
    this.#steps.kill();
    this.#arm();
  }

  #giveUp(): void {
    this.finish();
    this.#steps.giveUp();
  }

  /** Any step may have ended the timeline. */
  get #isOver(): boolean {
    return this.#phase === "over";
  }

  #arm(nowMs: number = this.#clock.nowMs()): void {
    if (this.#isOver) return;
    this.#timer?.[Symbol.dispose]();
    this.#timer = this.#deadlines.after(Math.max(0, this.#beganMs + this.#dueMs() - nowMs), () => this.#next());
  }

  /** When the present phase ends, counted from the beginning. */
  #dueMs(): number {
    if (this.#phase === "draining") return this.#times.drainDelayMs;
    if (this.#phase === "graceful") return this.#times.timeoutMs;
    return this.#phase === "forced" ? this.#times.forceTimeoutMs : this.#times.killTimeoutMs;
  }
}
