import { RestartPolicy } from "../core/supervise/restart.ts";
import { byteSize } from "../core/values/bytes.ts";
import { durationMs } from "../core/values/duration.ts";
import { fileMode } from "../core/values/file_mode.ts";
import { rlimit, type RlimitName, type RlimitOption } from "../core/values/rlimits.ts";
import type { OutputSettings } from "../core/wire/unit_output.ts";
import { asRefusal, checkOptions } from "../schema/options.ts";
import { defaultIn } from "../schema/table.ts";
import { LOG, READY, RESTART, type RestartForm, SERVICE, type ServiceForm, STOP } from "./keys.ts";
import type { ProbeOptions, ServiceLogOptions, ServiceOptions } from "./options.ts";
import { breachesOf, probeAddress } from "./rules.ts";
import type { ProbeSpec, ProbeTarget, ServiceSpec } from "./spec.ts";

/**
 * Checks the options of a service and fills in the defaults; relative paths count from `baseDir`.
 *
 * @throws {TypeError | RangeError} if a value is wrong.
 */
export function serviceSpec(name: string, options: ServiceOptions, baseDir: string): ServiceSpec {
  const action = `add service ${JSON.stringify(name)}`;
  checkOptions(action, options, SERVICE);
  const { ready, restart } = options;
  const form = {
    ...options,
    ready: typeof ready === "string" ? { http: ready } : ready,
    restart: typeof restart === "string" ? { policy: restart } : restart,
  };
  for (const breach of breachesOf({ ...form, restart: undefined }, (name) => name)) throw asRefusal(action, breach);
  return specOf(name, form, baseDir);
}

/** Fills the defaults into checked options. */
export function specOf(
  name: string,
  options: Omit<ServiceForm, "restart"> & { readonly restart?: RestartForm | RestartPolicy },
  baseDir: string,
): ServiceSpec {
  const {
    run,
    module,
    after = defaultIn(SERVICE, "after"),
    port,
    env = {},
    envFile = defaultIn(SERVICE, "envFile"),
    inheritEnv,
    cwd = ".",
    instances = defaultIn(SERVICE, "instances"),
    ready,
    restart = {},
    stop: {
      signal = defaultIn(STOP, "signal"),
      timeout = defaultIn(STOP, "timeout"),
      killMode = defaultIn(STOP, "killMode"),
      run: stopRun,
    } = {},
    leftover = defaultIn(SERVICE, "leftover"),
    essential = defaultIn(SERVICE, "essential"),
    successExitCodes = defaultIn(SERVICE, "successExitCodes"),
    user,
    group,
    umask,
    nice = defaultIn(SERVICE, "nice"),
    rlimits = {},
    oomScoreAdj,
    log = {},
  } = options;
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
    ready: ready === undefined ? undefined : probeSpec(ready),
    restart: restart instanceof RestartPolicy ? restart : policyOf(restart),
    stop: { signal, timeoutMs: durationMs(timeout), killMode, run: stopRun },
    leftover,
    essential,
    successExitCodes,
    user,
    group,
    umask: umask === undefined ? undefined : fileMode(umask),
    nice,
    rlimits: Object.fromEntries(
      (Object.entries(rlimits) as [RlimitName, RlimitOption][]).map(([name, option]) => [name, rlimit(name, option)]),
    ),
    oomScoreAdj,
    log: outputSettings(log, baseDir),
  };
}

function outputSettings(options: ServiceLogOptions, baseDir: string): OutputSettings {
  const {
    file,
    maxSize = defaultIn(LOG, "maxSize"),
    keep = defaultIn(LOG, "keep"),
    maxTotal,
    format = defaultIn(LOG, "format"),
    maxLine = defaultIn(LOG, "maxLine"),
  } = options;
  return {
    file: file === undefined ? undefined : joinPath(baseDir, file),
    maxSizeBytes: byteSize(maxSize),
    keep,
    maxTotalBytes: maxTotal === undefined ? undefined : byteSize(maxTotal),
    format,
    maxLineBytes: byteSize(maxLine),
  };
}

function probeSpec(options: ProbeOptions): ProbeSpec {
  const { owner = defaultIn(READY, "owner"), every = defaultIn(READY, "every"), timeout = defaultIn(READY, "timeout") } = options;
  return { target: targetOf(options), owner, everyMs: durationMs(every), timeoutMs: durationMs(timeout) };
}

/** The one target that a probe has, as the rules say. */
function targetOf({ http, tcp, exec, log, alive }: ProbeOptions): ProbeTarget {
  if (http !== undefined) return { kind: "http", url: http };
  if (tcp !== undefined) return { kind: "tcp", address: probeAddress(tcp) };
  if (exec !== undefined) return { kind: "exec", run: exec };
  return log === undefined ? { kind: "alive", forMs: durationMs(alive!) } : { kind: "log", pattern: log };
}

function policyOf({ policy = defaultIn(RESTART, "policy"), ...options }: RestartForm): RestartPolicy {
  // A policy alone is the common case, and shares one object with all others.
  if (Object.keys(options).length > 0) return new RestartPolicy(policy, options);
  return { "on-failure": RestartPolicy.OnFailure, always: RestartPolicy.Always, never: RestartPolicy.Never }[policy];
}

/** Joins a path to a folder, which may be relative itself: an absolute path stays, `.` is the folder. */
function joinPath(baseDir: string, path: string): string {
  if (path.startsWith("/")) return path;
  if (path === "." || path === "") return baseDir;
  return `${baseDir.replace(/\/$/, "")}/${path.replace(/^\.\//, "")}`;
}
