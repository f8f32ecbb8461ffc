import type { LeftoverPolicy } from "../core/ports/continuity.ts";
import type { OutputSettings } from "../core/wire/unit_output.ts";
import type { KillMode } from "../core/values/kill_mode.ts";
import type { RestartPolicy } from "../core/supervise/restart.ts";
import type { SignalName } from "../core/values/signal_name.ts";
import type { Rlimits } from "../core/values/rlimits.ts";

/** How a service is asked whether it is ready. `{port}` and `{instance}` in its texts stand for the instance's own. */
export type ProbeTarget =
  | { kind: "http"; url: string }
  | { kind: "tcp"; address: string }
  | { kind: "exec"; run: string | readonly string[] }
  | { kind: "log"; pattern: string }
  | { kind: "alive"; forMs: number };

/** A readiness probe with its rhythm. */
export interface ProbeSpec {
  /** Target of the probe. */
  target: ProbeTarget;
  /** Owner that must listen where tcp and http ask on this machine: a process of the unit, or anybody. */
  owner: "unit" | "any";
  /** Longest wait between two attempts in milliseconds; tcp and http begin with 25 ms and double it, so that a quick start is seen quickly. */
  everyMs: number;
  /** Milliseconds from the start of a run until it must be ready. */
  timeoutMs: number;
}

/** A service, complete and checked: paths absolute, times in milliseconds, every default filled in. */
export interface ServiceSpec {
  /** Name in the configuration; with more than one instance the units are `name@0`, `name@1`, … */
  name: string;
  /** Argv, or a text for `sh -c`; undefined for a module. */
  run: string | readonly string[] | undefined;
  /** A TypeScript file that runs in a process of its own, absolute; undefined for a program. */
  module: string | undefined;
  /** Working folder, absolute. */
  cwd: string;
  /** Variables set for it, over those of its files and of the daemon. */
  env: Readonly<Record<string, string>>;
  /** Files with further variables, absolute, later ones winning. */
  envFiles: readonly { path: string; optional: boolean }[];
  /** Names of the daemon's own variables that it gets, with `*`; undefined for the default, which depends on `user`. */
  inheritEnv: readonly string[] | undefined;
  /** Port of instance 0; instance n gets port + n, as PORT and `{port}`. */
  port: number | undefined;
  /** Number of copies. */
  instances: number;
  /** Units to wait for: `name`, `name:started`, `name:ready`, `name:exited-ok`. */
  after: readonly string[];
  /** Readiness probe; without one it counts as started once it runs. */
  ready: ProbeSpec | undefined;
  /** When and how it is restarted. */
  restart: RestartPolicy;
  /** How it is stopped. */
  stop: { signal: SignalName; timeoutMs: number; killMode: KillMode; run: string | readonly string[] | undefined };
  /** Treatment of a run that a dead daemon left. */
  leftover: LeftoverPolicy;
  /** Stops the daemon when it ends for good by failing. */
  essential: boolean;
  /** Exit codes that are a success. */
  successExitCodes: readonly number[];
  /** User to run as, by name or number. */
  user: string | number | undefined;
  /** Group to run as, by name or number; the user's own by default. */
  group: string | number | undefined;
  /** File mode mask; the daemon's by default. */
  umask: number | undefined;
  /** Added to the daemon's nice value. */
  nice: number;
  /** Limits; what is not there is as the daemon was started. */
  rlimits: Rlimits;
  /** How readily the system ends it when memory runs out; the daemon's by default. */
  oomScoreAdj: number | undefined;
  /** Settings for its output. */
  log: OutputSettings;
}
