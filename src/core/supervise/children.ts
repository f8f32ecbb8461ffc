import type { UnitOutcome } from "./operations.ts";
import type { State } from "./state.ts";
import type { SubsystemSpec } from "./spec.ts";

/** How a subsystem has ended: nothing starts it again by itself. */
export interface SubsystemEnd {
  /** Its path. */
  readonly name: string;
  /**
   * `completed`, `failed` or `fatal` (both failed for good), `skipped` (what it comes after failed), `stopped` (somebody stopped it, or the
   * daemon ended), or `stopping` where the daemon ended without waiting for it any longer.
   */
  readonly state: State;
  /** Why, in a few words. */
  readonly reason: string;
  /** Error that it failed with; undefined where it did not fail. */
  readonly error: unknown;
}

/** How a subsystem is added to those that run. */
export interface AddOptions extends SubsystemSpec {
  /**
   * Forgotten once it has ended for good: its name is free, and nothing is kept of it. It is never restarted, unless `restart` says
   * otherwise. Only other temporary ones may come after it.
   *
   * @default {false}
   */
  temporary?: boolean;
}

/** A subsystem that was added while its siblings run. */
export interface SubsystemHandle {
  /** Its path. */
  readonly name: string;
  /** Where it is in its life; of one that was forgotten, where it ended. */
  readonly state: State;
  /**
   * Resolves with how it ended, when nothing starts it again by itself: it has completed, failed for good or was stopped, or its supervisor
   * has ended. Never rejects.
   */
  readonly ended: Promise<SubsystemEnd>;
  /**
   * Stops it, and first what comes after it. Resolves when it is down or its time is up.
   *
   * It stays known, and `daemon.operations.start` starts it again: a daemon or a group whose last subsystem was stopped so goes on and waits
   * for that, while one whose last subsystem has ended by itself, by `remove()` or by `context.stop()` ends.
   */
  stop(): Promise<UnitOutcome>;
  /** Stops it and forgets it, which frees its name. Resolves when it is down or its time is up. */
  remove(): Promise<UnitOutcome>;
}
