import { type ByteSize, byteSize } from "../core/values/bytes.ts";
import { type Duration, durationOption } from "../core/values/duration.ts";
import { fileMode } from "../core/values/file_mode.ts";
import { SIGNAL_NUMBERS, type SignalName } from "../core/values/signal_name.ts";
import { LINE_FORMATS, type LineFormat } from "../core/wire/line_block.ts";
import { checkKeys, checkObject } from "../core/values/options.ts";
import { type RestartOptions, RestartPolicy, type RestartWhen } from "../core/supervise/restart.ts";
import { rlimit, RLIMIT_UNITS, type RlimitName, type RlimitOption, type Rlimits } from "../core/values/rlimits.ts";
import { parseAfter } from "../core/supervise/after.ts";
import type { LeftoverPolicy } from "../core/ports/continuity.ts";
import { VARIABLE_NAME } from "./env_file.ts";
import type { Placeholders } from "./environment.ts";
import { checkTarget } from "./probe.ts";
import { KILL_MODES, type KillMode } from "../core/values/kill_mode.ts";
import type { ProbeSpec, ProbeTarget, ServiceSpec } from "./spec.ts";
import type { OutputSettings } from "../core/wire/unit_output.ts";

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
  format?: LineFormat;
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
  restart?: RestartWhen | RestartPolicy | RestartOptions & { policy?: RestartWhen };
  /** How it is stopped. */
  stop?: {
    /** Argv, or a text for `sh -c`, that asks it to stop in place of the signal; DAEMONKIT_PID is the program's number. @default {undefined} */
    run?: string | readonly string[];
    /** First signal. @default {"SIGTERM"} */
    signal?: SignalName;
    /** Time until what should end with it is killed. @default {"5s"} */
    timeout?: Duration;
    /** Processes that end with it: `all` of its own, its process `group`, the `process`, or a `cgroup` of its own. @default {"all"} */
    killMode?: KillMode;
  };
  /**
   * Treatment of a service that runs on after the daemon died, at the next start: `stop` ends it and starts it afresh; `adopt` goes
   * on with it when its command is still the same. Output of an adopted service is lost (and a write is answered by SIGPIPE), and how it
   * ends is unknown, which counts as a failure. A module is always stopped.
   *
   * @default {"stop"}
   */
  leftover?: LeftoverPolicy;
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
  rlimits?: Readonly<Partial<Record<RlimitName, RlimitOption>>>;
  /** How readily the system ends it when memory runs out: -1000 (never) to 1000. @default {the daemon's} */
  oomScoreAdj?: number;
  /** Settings for its output. */
  log?: ServiceLogOptions;
}

/** How a service can be asked whether it is ready, by key. */
export const PROBE_KINDS = ["http", "tcp", "exec", "log", "alive"] as const;

/** Words as a sentence lists them: "a, b and c". */
export function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

/** Most copies of one service. */
export const MOST_INSTANCES = 1_000;

/** Smallest limit of a line in bytes. */
export const MIN_LINE_BYTES = 16;

/** The keys that are read, by where they stand; the types keep them complete. */
const KEYS = {
  service: Object.keys(
    {
      run: 0,
      module: 0,
      after: 0,
      port: 0,
      env: 0,
      envFile: 0,
      inheritEnv: 0,
      cwd: 0,
      instances: 0,
      ready: 0,
      restart: 0,
      stop: 0,
      leftover: 0,
      essential: 0,
      successExitCodes: 0,
      user: 0,
      group: 0,
      umask: 0,
      nice: 0,
      rlimits: 0,
      oomScoreAdj: 0,
      log: 0,
    } satisfies Record<keyof ServiceOptions, 0>,
  ),
  ready: Object.keys(
    { http: 0, tcp: 0, exec: 0, log: 0, alive: 0, owner: 0, every: 0, timeout: 0 } satisfies Record<keyof ProbeOptions, 0>,
  ),
  stop: Object.keys({ run: 0, signal: 0, timeout: 0, killMode: 0 } satisfies Record<keyof NonNullable<ServiceOptions["stop"]>, 0>),
  log: Object.keys({ file: 0, maxSize: 0, keep: 0, maxTotal: 0, format: 0, maxLine: 0 } satisfies Record<keyof ServiceLogOptions, 0>),
};

const COMMAND = "a text or a list of texts that is not empty";

/**
 * Checks the options of a service and fills in the defaults; relative paths count from `baseDir`.
 *
 * @throws {TypeError | RangeError} if a value is wrong.
 */
export function serviceSpec(name: string, options: ServiceOptions, baseDir: string): ServiceSpec {
  const action = `add service ${JSON.stringify(name)}`;
  checkTables(action, options);
  const {
    run,
    module,
    after = [],
    port,
    env = {},
    envFile = [],
    inheritEnv,
    cwd = ".",
    instances = 1,
    ready,
    restart = "on-failure",
    stop: { signal = "SIGTERM", timeout = 5_000, killMode = "all", run: stopRun } = {},
    leftover = "stop",
    essential = false,
    successExitCodes = [0],
    user,
    group,
    umask,
    nice = 0,
    rlimits = {},
    oomScoreAdj,
    log = {},
  } = options;
  const must: Must = (isGood, key, what, value) => {
    if (!isGood) {
      throw new RangeError(
        `Cannot ${action} as "${key}" must be ${what}: current value is ${JSON.stringify(value)}`,
      );
    }
  };
  must((run === undefined) !== (module === undefined), "run", "given, or else module, and not both", run ?? module);
  must(run === undefined || isCommand(run), "run", COMMAND, run);
  must(module === undefined || typeof module === "string" && module !== "", "module", "the path of a file", module);
  must(
    module === undefined || user === undefined && group === undefined,
    "module",
    "without user and group, which a module can't change",
    module,
  );
  must(
    inheritEnv === undefined || isListOf(inheritEnv, (name) => isText(name) && !/[=\0]/.test(name)),
    "inheritEnv",
    "a list of names of variables",
    inheritEnv,
  );
  must(isIntegerWithin(instances, 1, MOST_INSTANCES), "instances", `an integer from 1 to ${MOST_INSTANCES}`, instances);
  must(isListOf(after, (entry) => isText(entry) && isAfter(entry)), "after", "a list of names such as db or db:ready", after);
  const badName = Object.keys(env).find((key) => !VARIABLE_NAME.test(key));
  must(badName === undefined, "env", 'a table of names of letters, digits, "_", "." or "-" that start with a letter or "_"', badName);
  const badValue = Object.entries(env).find(([, value]) => typeof value !== "string" || value.includes("\0"));
  // Not the value, which may be a secret.
  must(badValue === undefined, "env", "a table of texts without a NUL character", badValue?.[0]);
  must(isListOf(envFile, isEnvFile), "envFile", 'a list of paths, each behind "?" if it may be missing', envFile);
  must(isText(cwd), "cwd", "a path", cwd);
  must(user === undefined || isAccount(user), "user", "the name or number of a user", user);
  must(group === undefined || isAccount(group), "group", "the name or number of a group", group);
  must(typeof essential === "boolean", "essential", "true or false", essential);
  must(
    port === undefined || isIntegerWithin(port, 1, 65_536 - instances),
    "port",
    "a port for each instance",
    port,
  );
  must(stopRun === undefined || isCommand(stopRun), "stop.run", COMMAND, stopRun);
  must(Object.hasOwn(SIGNAL_NUMBERS, signal), "stop.signal", "the name of a signal", signal);
  must(KILL_MODES.includes(killMode), "stop.killMode", `one of ${KILL_MODES.join(", ")}`, killMode);
  must(leftover === "stop" || leftover === "adopt", "leftover", '"stop" or "adopt"', leftover);
  // A module ends with the daemon that it reports to.
  must(module === undefined || leftover === "stop", "leftover", '"stop" for a module', leftover);
  must(port !== undefined || !log.file?.includes("{port}"), "port", "given where log.file has {port}", port);
  must(
    isListOf(successExitCodes, (code) => isIntegerWithin(code as number, 0, 255)),
    "successExitCodes",
    "a list of exit codes",
    successExitCodes,
  );
  must(umask === undefined || !Number.isNaN(fileMode(umask)), "umask", UMASK, umask);
  must(isIntegerWithin(nice, -20, 19), "nice", "an integer from -20 to 19", nice);
  must(
    oomScoreAdj === undefined || isIntegerWithin(oomScoreAdj, -1_000, 1_000),
    "oomScoreAdj",
    "an integer from -1000 to 1000",
    oomScoreAdj,
  );
  return {
    name,
    run,
    module: module === undefined ? undefined : joinPath(baseDir, module),
    cwd: joinPath(baseDir, cwd),
    env,
    envFiles: envFile.map((file) => ({ path: joinPath(baseDir, file.replace(/^\?/, "")), optional: file.startsWith("?") })),
    inheritEnv,
    port,
    instances,
    after,
    ready: ready === undefined
      ? undefined
      : probeSpec(action, typeof ready === "string" ? { http: ready } : ready, { must, port, last: instances - 1 }),
    restart: restartPolicy(restart),
    stop: { signal, timeoutMs: durationOption(action, "stop.timeout", timeout), killMode, run: stopRun },
    leftover,
    essential,
    successExitCodes,
    user,
    group,
    umask: umask === undefined ? undefined : fileMode(umask),
    nice,
    rlimits: rlimitsOf(rlimits, must),
    oomScoreAdj,
    log: logSpec(log, baseDir, must),
  };
}

/** Refuses tables that are none, and keys that nobody reads. */
function checkTables(action: string, options: ServiceOptions): void {
  checkKeys(action, options, KEYS.service);
  const { ready, stop, log, restart, env, rlimits } = options;
  if (ready !== undefined && typeof ready !== "string") checkKeys(action, ready, KEYS.ready, "ready.");
  if (stop !== undefined) checkKeys(action, stop, KEYS.stop, "stop.");
  if (log !== undefined) checkKeys(action, log, KEYS.log, "log.");
  // Its keys are those of a RestartPolicy, which refuses others.
  if (restart !== undefined && typeof restart !== "string") checkObject(action, restart, "restart.");
  if (env !== undefined) checkObject(action, env, "env.");
  if (rlimits !== undefined) checkObject(action, rlimits, "rlimits.");
}

const PROBE_EXPECTS = {
  http: 'an http:// URL without name and password such as "http://127.0.0.1:{port}/healthz" (for https:// take tcp or exec)',
  tcp: 'an address such as "127.0.0.1:{port}"',
  log: "a regular expression",
};

function isTarget(target: ProbeTarget, placeholders: Placeholders): boolean {
  try {
    checkTarget(target, placeholders);
    return true;
  } catch {
    return false;
  }
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function isAccount(value: unknown): boolean {
  return isText(value) || Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Whether a text is the path of an env file, alone or behind "?". */
export function isEnvFile(value: unknown): boolean {
  return isText(value) && value !== "?";
}

function isAfter(entry: string): boolean {
  try {
    return parseAfter(entry).name !== "";
  } catch {
    return false;
  }
}

function isListOf(value: unknown, isItem: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(isItem);
}

/** Wording for the form of a file mode mask. */
export const UMASK = 'a mask such as "027" or 0o027';

function isIntegerWithin(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}

function rlimitsOf(options: NonNullable<ServiceOptions["rlimits"]>, must: Must): Rlimits {
  return Object.fromEntries(
    (Object.entries(options) as [RlimitName, RlimitOption][]).map(([name, option]) => {
      must(Object.hasOwn(RLIMIT_UNITS, name), "rlimits", `a table of ${Object.keys(RLIMIT_UNITS).join(", ")}`, name);
      return [name, rlimit(name, option)];
    }),
  );
}

function isCommand(value: unknown): boolean {
  if (typeof value === "string") return value.trim() !== "";
  return Array.isArray(value) && value.length > 0 && value.every((part) => typeof part === "string") && value[0] !== "";
}

/** Throws the error of an option that is not what it must be. */
type Must = (isGood: boolean, key: string, what: string, value: unknown) => void;

function logSpec(options: ServiceLogOptions, baseDir: string, must: Must): OutputSettings {
  const { file, maxSize = 20_000_000, keep = 5, maxTotal, format = "text", maxLine = 65_536 } = options;
  const maxSizeBytes = byteSize(maxSize);
  const maxTotalBytes = maxTotal === undefined ? undefined : byteSize(maxTotal);
  const maxLineBytes = byteSize(maxLine);
  must(file !== "", "log.file", "a path", file);
  must(maxSizeBytes > 0, "log.maxSize", "a size above 0", maxSize);
  must(Number.isSafeInteger(keep) && keep >= 0, "log.keep", "an integer >= 0", keep);
  must(
    maxTotalBytes === undefined || maxTotalBytes >= maxSizeBytes,
    "log.maxTotal",
    `a size of at least log.maxSize (${maxSize})`,
    maxTotal,
  );
  must(LINE_FORMATS.includes(format), "log.format", `one of ${LINE_FORMATS.join(", ")}`, format);
  must(maxLineBytes >= MIN_LINE_BYTES, "log.maxLine", `a size of at least ${MIN_LINE_BYTES} bytes`, maxLine);
  return { file: file === undefined ? undefined : joinPath(baseDir, file), maxSizeBytes, keep, maxTotalBytes, format, maxLineBytes };
}

function probeSpec(
  action: string,
  options: ProbeOptions,
  { must, port, last }: { must: Must; port: number | undefined; last: number },
): ProbeSpec {
  const { http, tcp, exec, log, alive, owner = "unit", every = 500, timeout = 30_000 } = options;
  const targets: ProbeTarget[] = [];
  if (http !== undefined) targets.push({ kind: "http", url: http });
  if (tcp !== undefined) targets.push({ kind: "tcp", address: typeof tcp === "number" ? `127.0.0.1:${tcp}` : tcp });
  if (exec !== undefined) targets.push({ kind: "exec", run: exec });
  if (log !== undefined) targets.push({ kind: "log", pattern: log });
  if (alive !== undefined) targets.push({ kind: "alive", forMs: durationOption(action, "ready.alive", alive) });
  if (targets.length !== 1) {
    throw new RangeError(
      `Cannot ${action} as "ready" must have exactly one of ${listed(PROBE_KINDS)}: it has ${targets.length}`,
    );
  }
  must(exec === undefined || isCommand(exec), "ready.exec", COMMAND, exec);
  const [everyMs, timeoutMs] = [durationOption(action, "ready.every", every), durationOption(action, "ready.timeout", timeout)];
  must(everyMs > 0, "ready.every", "longer than 0", every);
  must(timeoutMs > 0, "ready.timeout", "longer than 0", timeout);
  const [target] = targets;
  if (target.kind === "http" || target.kind === "tcp" || target.kind === "log") {
    const [key, text] = target.kind === "http"
      ? ["http", target.url]
      : target.kind === "tcp"
      ? ["tcp", target.address]
      : ["log", target.pattern];
    must(port !== undefined || target.kind === "log" || !text.includes("{port}"), "port", `given where ready.${key} has {port}`, port);
    const isFixed = target.kind !== "log" && !text.includes("{port}") && !text.includes("{instance}");
    must(last === 0 || !isFixed, `ready.${key}`, "another address for each instance: write {port} in it", text);
    const isGood = text !== "" &&
      [0, last].every((instance) => isTarget(target, { port: port === undefined ? undefined : port + instance, instance }));
    must(isGood, `ready.${key}`, PROBE_EXPECTS[target.kind], text.replace(/\/\/[^/]*@/, "//…@"));
  }
  if (target.kind === "alive") {
    must(target.forMs > 0 && target.forMs < timeoutMs, "ready.alive", "longer than 0 and shorter than ready.timeout", alive);
  }
  must(owner === "unit" || owner === "any", "ready.owner", '"unit" or "any"', owner);
  must(options.owner === undefined || http !== undefined || tcp !== undefined, "ready.owner", "beside http or tcp", owner);
  return { target, owner, everyMs, timeoutMs };
}

function restartPolicy(restart: NonNullable<ServiceOptions["restart"]>): RestartPolicy {
  if (restart instanceof RestartPolicy) return restart;
  if (restart === "on-failure") return RestartPolicy.OnFailure;
  if (restart === "always") return RestartPolicy.Always;
  if (typeof restart === "string") return new RestartPolicy(restart);
  const { policy = "on-failure", ...options } = restart;
  return new RestartPolicy(policy, options);
}

/** Joins a path to a folder, which may be relative itself: an absolute path stays, `.` is the folder. */
function joinPath(baseDir: string, path: string): string {
  if (path.startsWith("/")) return path;
  if (path === "." || path === "") return baseDir;
  return `${baseDir.replace(/\/$/, "")}/${path.replace(/^\.\//, "")}`;
}
