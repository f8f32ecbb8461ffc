import type { RestartPolicy } from "./restart.ts";
import type { Duration } from "../values/duration.ts";

/** How a subsystem is run. */
export interface SubsystemSpec {
  /** When and how it is restarted. @default {RestartPolicy.OnFailure} */
  restart?: RestartPolicy;
  /**
   * Names of siblings that come first: `name`, `name:started`, `name:ready` or `name:exited-ok`; a plain name means ready, or that it was ready
   * and has completed. It starts only while that holds, the first time and after each restart alike; what runs already goes on.
   */
  after?: readonly string[];
  /** `auto`: ready once run was entered; `manual`: ready when it calls `context.ready()`; `none`: likewise, but it counts as started only. @default {"auto"} */
  readiness?: "auto" | "manual" | "none";
  /** How long a start may take. */
  ready?: {
    /** Time from the start of a run until it must be ready. @default {"15s"} */
    timeout?: Duration;
  };
  /** How long a stop may take. */
  stop?: {
    /** Time from the request until the run must have settled. @default {what the daemon's shutdown leaves} */
    timeout?: Duration;
  };
  /** Stops the daemon with a failure when it ends for good by failing. @default {false} */
  essential?: boolean;
  /** Stops after all others that are not marked so. @default {false} */
  stopLast?: boolean;
  /** Restarts by policy also when it fails before it was ever ready, instead of failing the daemon's start. @default {false} */
  retryStart?: boolean;
  /**
   * Counts for its supervisor's `autoShutdown`. Where it is false by your own words, its failure for good does not count for the exit code of
   * a daemon made in code either.
   *
   * @default {false}
   */
  significant?: boolean;
}
