import type { RestartOptions, RestartPolicy } from "../core/supervise/restart.ts";
import type { ByteSize } from "../core/values/bytes.ts";
import type { Duration } from "../core/values/duration.ts";
import type { RlimitName } from "../core/values/rlimits.ts";
import type { SignalName } from "../core/values/signal_name.ts";

/** A readiness probe: exactly one of `http`, `tcp`, `exec`, `log` and `alive`. */
export interface ProbeOptions {
  /** An http:// URL that answers within five seconds with a status from 200 to 399; for https:// take `tcp` or `exec`. */
  http?: string;
  /** `host:port`, or a port of 127.0.0.1, that accepts a connection. */
  tcp?: string | number;
  /** A program, or a text for `sh -c`, that exits with 0 within five seconds. */
  exec?: string | readonly string[];
  /** A regular expression that a line of output matches. */
  log?: string;
  /** Time for which it has to live; shorter than `timeout`. */
  alive?: Duration;
  /**
   * Process that must listen where `tcp` or `http` asks on this machine: one of the service, or any, such as the engine that publishes the
   * port of a container. Where the system does not tell who listens, anybody counts. When somebody answers there before the program is
   * started, an answer of anybody counts once the program has lived for a second. @default {"unit"}
   */
  owner?: "unit" | "any";
  /** Time between two attempts. @default {"500ms"} */
  every?: Duration;
  /** Time from the start of a run until it must be ready. @default {"30s"} */
  timeout?: Duration;
}

/** Settings for the output of a service. */
export interface ServiceLogOptions {
  /** Log file; `{port}` and `{instance}` stand for the instance's own. @default {undefined} */
  file?: string;
  /** Size after which it becomes `file.1` and a new one begins. @default {"20MB"} */
  maxSize?: ByteSize;
  /** Older files kept, as `file.1` (the newest) to `file.5`. @default {5} */
  keep?: number;
  /** Size that the file and its older ones may have together, at least `maxSize`. @default {as many as keep says} */
  maxTotal?: ByteSize;
  /** `time stream text`, what was printed byte by byte, or one JSON record a line. @default {"text"} */
  format?: "text" | "raw" | "json";
  /** Longest line, at least 16 bytes; a longer one is split. @default {"64KiB"} */
  maxLine?: ByteSize;
}

/** A program to run as a service: the keys of `[service.*]` in camel case. */
export interface ServiceOptions {
  /** Argv, or a text for `sh -c`. Exactly one of `run` and `module` is needed. */
  run?: string | readonly string[];
  /**
   * A TypeScript or JavaScript file whose default export is a function of a `Context`, a `Subsystem` or a class of one; it runs in a process
   * of its own. `export const spec = { readiness: "manual" }` lets it say itself when it is ready. The program must be `daemonkit`, or hand
   * its arguments to `runCli`.
   */
  module?: string;
  /** Units to wait for: `name`, `name:started`, `name:ready`, `name:exited-ok`. @default {[]} */
  after?: readonly string[];
  /** Port of the first instance, handed on as PORT and `{port}`. @default {undefined} */
  port?: number;
  /** Variables set for it. @default {{}} */
  env?: Readonly<Record<string, string>>;
  /** Files with further variables; a leading `?` allows a file to be missing. @default {[]} */
  envFile?: readonly string[];
  /**
   * Names of the daemon's own variables that it gets, `*` standing for any characters. Without it: all, or with `user` only PATH, LANG,
   * LANGUAGE, LC_*, TZ and TERM, as what the daemon knows is not for everybody.
   *
   * @default {undefined}
   */
  inheritEnv?: readonly string[];
  /** Working folder. @default {the daemon's} */
  cwd?: string;
  /** Number of copies, named `name@0`, `name@1`, … @default {1} */
  instances?: number;
  /** Readiness probe; a text is the URL of an http probe. @default {undefined} */
  ready?: string | ProbeOptions;
  /** When and how it is restarted. @default {"on-failure"} */
  restart?: RestartPolicy["when"] | RestartPolicy | RestartOptions & { policy?: RestartPolicy["when"] };
  /** How it is stopped. */
  stop?: {
    /** Argv, or a text for `sh -c`, that asks it to stop in place of the signal; DAEMONKIT_PID is the program's number. @default {undefined} */
    run?: string | readonly string[];
    /** First signal. @default {"SIGTERM"} */
    signal?: SignalName;
    /** Time until what should end with it is killed. @default {"5s"} */
    timeout?: Duration;
    /** Processes that end with it: `all` of its own, its process `group`, the `process`, or a `cgroup` of its own. @default {"all"} */
    killMode?: "all" | "group" | "process" | "cgroup";
  };
  /**
   * Treatment of a service that runs on after the daemon died, at the next start: `stop` ends it and starts it afresh; `adopt` goes
   * on with it when its command is still the same. Output of an adopted service is lost (and a write is answered by SIGPIPE), and how it
   * ends is unknown, which counts as a failure. A module is always stopped.
   *
   * @default {"stop"}
   */
  leftover?: "stop" | "adopt";
  /** Stops the daemon when it ends for good by failing. @default {false} */
  essential?: boolean;
  /** Exit codes that are a success. @default {[0]} */
  successExitCodes?: readonly number[];
  /** User to run as. @default {the daemon's} */
  user?: string | number;
  /** Group to run as. @default {the user's} */
  group?: string | number;
  /** File mode mask, such as 0o027 or `"027"`. @default {the daemon's} */
  umask?: number | string;
  /** Added to the daemon's nice value: -20 (first in line) to 19. @default {0} */
  nice?: number;
  /** Limits of it and of each program that it starts; one value is both the soft and the hard limit. @default {those of the daemon} */
  rlimits?: Readonly<Partial<Record<RlimitName, number | string | { readonly soft?: number | string; readonly hard?: number | string }>>>;
  /** How readily the system ends it when memory runs out: -1000 (never) to 1000. @default {the daemon's} */
  oomScoreAdj?: number;
  /** Settings for its output. */
  log?: ServiceLogOptions;
}
