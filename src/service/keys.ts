import * as v from "valibot";
import { afterProblems, parseAfter } from "../core/supervise/after.ts";
import { byteSize } from "../core/values/bytes.ts";
import type { KeyFacts, TableFacts } from "../core/values/config_key.ts";
import { durationMs } from "../core/values/duration.ts";
import { messageOf } from "../core/values/errors.ts";
import { fileMode } from "../core/values/file_mode.ts";
import { SIGNAL_NUMBERS, type SignalName } from "../core/values/signal_name.ts";
import { LINE_FORMATS, type LineFormat } from "../core/wire/line_block.ts";
import { nameKey, nameProblem } from "../core/values/names.ts";
import type { OnExhausted, RestartWhen } from "../core/supervise/restart.ts";
import { VARIABLE_NAME } from "./env_file.ts";
import type { Placeholders } from "./environment.ts";
import type { LeftoverPolicy } from "../core/ports/continuity.ts";
import { sameFiles } from "./log.ts";
import { rlimit, RLIMIT_UNITS, rlimitExpectation, type RlimitName, type RlimitOption } from "../core/values/rlimits.ts";
import {
  isEnvFile,
  listed,
  MIN_LINE_BYTES,
  MOST_INSTANCES,
  PROBE_KINDS,
  type ProbeOptions,
  type ServiceOptions,
  serviceSpec,
  UMASK,
} from "./options.ts";
import { checkTarget } from "./probe.ts";
import { KILL_MODES, type KillMode } from "../core/values/kill_mode.ts";
import type { ProbeTarget, ServiceSpec } from "./spec.ts";

/** `[service.NAME]` as it stands in the tree of a configuration, checked but without defaults. */
export interface ServiceTable {
  run?: string | string[];
  module?: string;
  after?: string[];
  port?: number;
  env?: Record<string, string>;
  env_file?: string[];
  inherit_env?: string[];
  cwd?: string;
  ready?: {
    http?: string;
    tcp?: string;
    exec?: string | string[];
    log?: string;
    alive?: string;
    owner?: "unit" | "any";
    every?: string;
    timeout?: string;
  };
  restart?: {
    policy?: RestartWhen;
    delay?: string;
    factor?: number;
    max_delay?: string;
    jitter?: number;
    max_restarts?: number;
    within?: string;
    reset_after?: string;
    on_exhausted?: OnExhausted;
  };
  stop?: { run?: string | string[]; signal?: SignalName; timeout?: string; kill_mode?: KillMode };
  instances?: number;
  leftover?: LeftoverPolicy;
  essential?: boolean;
  success_exit_codes?: number[];
  user?: string | number;
  group?: string | number;
  umask?: string | number;
  nice?: number;
  rlimits?: Partial<Record<RlimitName, RlimitOption>>;
  oom_score_adj?: number;
  log?: {
    file?: string;
    max_size?: string | number;
    keep?: number;
    max_total?: string | number;
    format?: LineFormat;
    max_line?: string | number;
  };
}

/** A mistake that shows only when several keys are looked at together. */
export interface ServiceProblem {
  /** Where it is, from the root of the configuration. */
  path: (string | number)[];
  /** The expected and the found value. */
  message: string;
  /** Advice: how to mend it. */
  hint?: string;
  /** Something is missing below the path. */
  isMissing?: boolean;
  /** Path that lacks something. */
  about?: (string | number)[];
}

/** The tables `[service.*]`, by name. */
export function servicesTable(): v.GenericSchema {
  const facts: TableFacts = { expects: "tables [service.NAME]", nameProblem };
  return v.pipe(v.record(v.string(), serviceTable()), v.metadata({ facts }));
}

/** Wording for a name of variables of the daemon. */
const INHERITED_NAME = 'name of a variable, with "*" for any characters';
const INHERITED = v.pipe(v.string(), v.check((name) => /^[^=\0]+$/.test(name)));

/** Words of other tools for a policy. */
const POLICIES = {
  true: "always",
  yes: "always",
  "unless-stopped": "always",
  false: "never",
  no: "never",
  none: "never",
  "on-abnormal": "on-failure",
};
/** Signals by number and by their names without SIG. */
const SIGNALS = Object.fromEntries(
  Object.entries(SIGNAL_NUMBERS).flatMap(([name, number]) => [[String(number), name], [name.slice(3).toLowerCase(), name]]),
);

/** The table of one service, also of `[defaults.service]`. */
export function serviceTable(): v.GenericSchema {
  return table({
    run: key(COMMAND, {
      about: "The program to run: a list is the program with its arguments, a text is run by /bin/sh -c.",
      ...unit,
      expects: "a text for sh -c or a list of texts that is not empty",
      verbatim: true,
    }),
    module: key(NOT_EMPTY, {
      about: "A TypeScript file to run in place of a program; its default export is a function or a subsystem.",
      ...unit,
      expects: "the path of a TypeScript file",
      kind: "path",
    }),
    after: key(v.array(item(NOT_EMPTY, AFTER)), {
      about: "Other units that come first: this one starts, again after a crash too, only while they are so, and stops before them.",
      ...live,
      expects: `a list of ${AFTER}`,
      default: [],
    }),
    port: key(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535)), {
      about: "The port of the first instance; PORT is this plus the number of the instance, and {port} stands for it.",
      ...unit,
      expects: "a port from 1 to 65535",
    }),
    env: v.optional(variablesTable()),
    env_file: key(v.array(item(v.pipe(v.string(), v.check((path) => isEnvFile(path))), 'a path, after "?" if it may be missing')), {
      about: 'Files of variables, the later ones win; one behind "?" may be missing.',
      ...unit,
      expects: "a list of paths",
      default: [],
      kind: "path",
    }),
    inherit_env: key(v.array(item(INHERITED, INHERITED_NAME)), {
      about: "Variables of the daemon that the service gets: all by default, with user only PATH, LANG, LC_*, TZ and TERM.",
      ...unit,
      expects: `a list of ${INHERITED_NAME}s`,
    }),
    cwd: key(NOT_EMPTY, { about: "The folder that the program starts in.", ...unit, expects: "a path", kind: "path" }),
    ready: v.optional(readyTable()),
    restart: v.optional(restartTable()),
    stop: v.optional(stopTable()),
    instances: key(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MOST_INSTANCES)), {
      about: "How many copies run; the nth is called NAME@n.",
      ...unit,
      expects: `an integer from 1 to ${MOST_INSTANCES}`,
      default: 1,
    }),
    leftover: key(v.picklist(["stop", "adopt"]), {
      about: "A process that a killed daemon left is ended before the start, or taken over where the command is the same.",
      ...live,
      expects: "one of stop, adopt",
      default: "stop",
    }),
    essential: key(v.boolean(), {
      about: "When this service fails for good, the daemon stops with its exit code.",
      ...live,
      expects: "true or false",
      default: false,
    }),
    success_exit_codes: key(v.array(item(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(255)), "an exit code from 0 to 255")), {
      about: "Exit codes that are no failure.",
      ...live,
      expects: "a list of exit codes from 0 to 255",
      default: [0],
    }),
    user: key(ACCOUNT, {
      about: "The user that the program runs as, with all groups of that user; only root can set it.",
      ...unit,
      expects: "the name or number of a user",
    }),
    group: key(ACCOUNT, { about: "The main group that the program runs with.", ...unit, expects: "the name or number of a group" }),
    umask: key(v.pipe(v.union([v.string(), v.number()]), v.check((mask) => !Number.isNaN(fileMode(mask)))), {
      about: "The mask of the permissions of new files.",
      ...unit,
      expects: UMASK,
    }),
    nice: key(integerWithin(-20, 19), {
      about: "The niceness of the program: from -20, first served, to 19.",
      ...unit,
      expects: "an integer from -20 to 19",
      default: 0,
    }),
    rlimits: v.optional(rlimitsTable()),
    oom_score_adj: key(integerWithin(-1_000, 1_000), {
      about: "How soon the kernel ends the program when memory runs out; Linux only.",
      ...unit,
      expects: "an integer from -1000 to 1000",
    }),
    log: v.optional(logTable()),
  }, { expects: "a table", notYetKeys: NOT_YET, aliases: ALIASES });
}

/**
 * Makes the specs of all services out of a checked tree: `[defaults.service]` below `[service.NAME]`, paths from `baseDir`.
 *
 * A service with a problem is left out of the specs. `tables` are those of all services, with what they take from the defaults;
 * `takenFiles` are paths that no log may have, each with its writer.
 */
export function serviceSpecs(
  services: Readonly<Record<string, ServiceTable>>,
  defaults: ServiceTable,
  baseDir: string,
  takenFiles: Readonly<Record<string, string>> = {},
): { specs: ServiceSpec[]; tables: Record<string, ServiceTable>; problems: ServiceProblem[] } {
  const problems: ServiceProblem[] = [];
  const specs: ServiceSpec[] = [];
  const hasDefaults = Object.keys(defaults).length > 0;
  const tables = Object.entries(services).map(([name, own]) => ({ name, table: hasDefaults ? withDefaults(own, defaults) : own }));
  problems.push(...sameNames(Object.keys(services)));
  for (const { name, table } of tables) {
    const own = problemsOf(name, table);
    problems.push(...own);
    if (own.length > 0) continue;
    try {
      specs.push(serviceSpec(name, optionsOf(table), baseDir));
    } catch (error) {
      problems.push({ path: ["service", name], message: messageOf(error) });
    }
  }
  problems.push(...logFileProblems(specs, takenFiles));
  const edges = tables.map(({ name, table }) => ({ name, after: table.after ?? [], restart: table.restart?.policy }));
  for (const { name, index, message, hint, unknown } of afterProblems(edges)) {
    problems.push({
      path: ["service", name, "after", index],
      message,
      ...(hint === undefined ? {} : { hint }),
      ...(unknown === undefined ? {} : { about: ["service", unknown] }),
    });
  }
  return { specs, tables: Object.fromEntries(tables.map(({ name, table }) => [name, table])), problems };
}

const unit = { reload: "unit" } as const;
const live = { reload: "live" } as const;
const NOT_YET = ["live", "watch", "notify", "limits"];
const ALIASES = {
  command: "run",
  cmd: "run",
  exec: "run",
  script: "run",
  entry: "module",
  depends_on: "after",
  environment: "env",
  directory: "cwd",
  working_dir: "cwd",
  work_dir: "cwd",
  autorestart: "restart",
  ulimits: "rlimits",
  numprocs: "instances",
  replicas: "instances",
};
const DURATION = 'a duration such as "250ms", "1.5s" or "1h30m"';
const SIZES = 'such as 65536, "64KiB" or "20MB"';
const AFTER = "names such as db, db:started, db:ready or db:exited-ok";
const NOT_EMPTY = v.pipe(v.string(), v.nonEmpty());
const ACCOUNT = v.union([NOT_EMPTY, integerWithin(0, Number.MAX_SAFE_INTEGER)]);
const COMMAND = v.union([
  v.pipe(v.string(), v.check((text) => text.trim() !== "")),
  v.pipe(v.array(v.string()), v.check((argv) => argv.length > 0 && argv[0] !== "")),
]);

/** Advises on an https URL: a probe speaks no TLS, as it would have to be told which certificate is right. */
function adviseOnUrl(text: string): string | undefined {
  const [, user, host, port = "443"] = /^https:\/\/([^/]*@)?(\[[^\]]*\]|[^/:?#]+)(?::([^/?#]+))?/i.exec(text) ?? [];
  const address = `${host}:${port}`;
  if (host === undefined || user !== undefined || !isTarget({ kind: "tcp", address })) return undefined;
  const command = `curl -fsS '${text.replaceAll("'", "%27")}'`;
  return `probes speak no TLS: write ready.tcp = ${JSON.stringify(address)} to see that it listens, or ready.exec = ${
    JSON.stringify(command)
  } to ask it`;
}

function readyTable(): v.GenericSchema {
  return table({
    http: key(v.pipe(v.string(), v.check((url) => isTarget({ kind: "http", url }))), {
      about: "Ready when this URL answers with 200 to 399.",
      ...unit,
      expects: 'an http:// URL without name and password such as "http://127.0.0.1:{port}/healthz"',
      advise: adviseOnUrl,
    }),
    tcp: key(v.pipe(v.string(), v.check((address) => isTarget({ kind: "tcp", address }))), {
      about: "Ready when a connection to this address is accepted.",
      ...unit,
      expects: 'an address such as "127.0.0.1:{port}"',
    }),
    exec: key(COMMAND, {
      about: "Ready when this command ends with 0.",
      ...unit,
      expects: "a text for sh -c or a list of texts that is not empty",
    }),
    log: key(v.pipe(v.string(), v.check((pattern) => pattern !== "" && isTarget({ kind: "log", pattern }))), {
      about: "Ready when a line that the program prints matches.",
      ...unit,
      expects: "a regular expression",
    }),
    owner: key(v.picklist(["unit", "any"]), {
      about: "Who may answer a probe on this machine: a listener of the unit itself, or anybody.",
      ...unit,
      expects: "one of unit, any",
      default: "unit",
    }),
    alive: key(duration(isPositive), {
      about: "Ready when the program has lived for so long.",
      ...unit,
      expects: DURATION,
      kind: "duration",
    }),
    every: key(duration(isPositive), {
      about: "How long to wait between two probes.",
      ...unit,
      expects: DURATION,
      default: "500ms",
      kind: "duration",
    }),
    timeout: key(duration(isPositive), {
      about: "A start that is not ready by then has failed.",
      ...unit,
      expects: DURATION,
      default: "30s",
      kind: "duration",
    }),
  }, {
    expects: 'a table, or a URL as in ready = "http://127.0.0.1:{port}/healthz"',
    shorthand: "http",
    aliases: { url: "http", interval: "every" },
  });
}

function restartTable(): v.GenericSchema {
  return table({
    policy: key(v.picklist(["never", "on-failure", "always"]), {
      about: "Whether a run that has ended is followed by another one.",
      ...live,
      expects: "one of never, on-failure, always",
      default: "on-failure",
      meant: POLICIES,
    }),
    delay: key(duration(), { about: "How long the first restart waits.", ...live, expects: DURATION, default: "100ms", kind: "duration" }),
    factor: key(v.pipe(v.number(), v.finite(), v.minValue(1)), {
      about: "By how much each wait in a row is longer than the one before.",
      ...live,
      expects: "a number >= 1",
      default: 2,
    }),
    max_delay: key(duration(), { about: "The longest wait.", ...live, expects: DURATION, default: "30s", kind: "duration" }),
    jitter: key(v.pipe(v.number(), v.minValue(0), v.check((share) => share < 1)), {
      about: "The share by which a wait is made longer or shorter at random, so that not all restart at once.",
      ...live,
      expects: "a number >= 0 and < 1",
      default: 0.2,
    }),
    max_restarts: key(v.pipe(v.number(), v.check((count) => count >= 0 && (count === Infinity || Number.isInteger(count)))), {
      about: "How many restarts are granted: in a row, or with within in that time.",
      ...live,
      expects: "an integer >= 0, or inf",
      default: 10,
    }),
    within: key(duration(isPositive), {
      about: "The sliding window that max_restarts counts in.",
      ...live,
      expects: DURATION,
      kind: "duration",
    }),
    reset_after: key(duration(), {
      about: "A run of this length ends the row of restarts.",
      ...live,
      expects: DURATION,
      default: "60s",
      kind: "duration",
    }),
    on_exhausted: key(v.picklist(["fatal", "pause", "escalate"]), {
      about: "The effect beyond max_restarts: the service fails for good, waits until there is room, or stops the daemon.",
      ...live,
      expects: "one of fatal, pause, escalate",
      default: "fatal",
    }),
  }, { expects: 'a table, or a policy as in restart = "always"', shorthand: "policy" });
}

function stopTable(): v.GenericSchema {
  const signals = Object.keys(SIGNAL_NUMBERS);
  return table({
    run: key(COMMAND, {
      about: "A command that stops the service, in place of the signal.",
      ...live,
      expects: "a text for sh -c or a list of texts that is not empty",
      verbatim: true,
    }),
    signal: key(v.picklist(signals), {
      about: "The signal that asks the service to stop.",
      ...live,
      expects: 'the name of a signal such as "SIGTERM"',
      default: "SIGTERM",
      meant: SIGNALS,
    }),
    timeout: key(duration(), {
      about: "A service that has not stopped by then is killed.",
      ...live,
      expects: DURATION,
      default: "5s",
      kind: "duration",
    }),
    kill_mode: key(v.picklist(KILL_MODES), {
      about: "The processes that are killed: all that the service has started, its process group, the process alone, or its control group.",
      ...live,
      expects: `one of ${KILL_MODES.join(", ")}`,
      default: "all",
    }),
  }, { expects: "a table", aliases: { command: "run", exec: "run", kill_signal: "signal" } });
}

function logTable(): v.GenericSchema {
  return table({
    file: key(NOT_EMPTY, {
      about: "The file that the lines of the service go to, by default one in the state folder where the daemon runs in the background.",
      ...live,
      expects: "a path",
      kind: "path",
    }),
    max_size: key(size((bytes) => bytes > 0), {
      about: "A larger file is put aside and begun anew.",
      ...live,
      expects: `a size above 0 ${SIZES}`,
      default: "20MB",
      kind: "size",
    }),
    keep: key(integerWithin(0, Number.MAX_SAFE_INTEGER), {
      about: "How many older files are kept.",
      ...live,
      expects: "an integer >= 0",
      default: 5,
    }),
    max_total: key(size((bytes) => bytes > 0), {
      about: "The oldest files are removed while all together are larger.",
      ...live,
      expects: `a size above 0 ${SIZES}`,
      kind: "size",
    }),
    format: key(v.picklist(LINE_FORMATS), {
      about: "How a line is written: with time and stream, as it is, or as JSON.",
      ...live,
      expects: `one of ${LINE_FORMATS.join(", ")}`,
      default: "text",
    }),
    max_line: key(size((bytes) => bytes >= MIN_LINE_BYTES), {
      about: "A longer line is cut into several.",
      ...live,
      expects: `a size of at least ${MIN_LINE_BYTES} bytes ${SIZES}`,
      default: "64KiB",
      kind: "size",
    }),
  }, { expects: "a table", aliases: { path: "file", max_files: "keep", max_file_size: "max_size" } });
}

function rlimitsTable(): v.GenericSchema {
  const value = v.union([v.number(), v.string()]);
  const limit = v.union([...value.options, v.strictObject({ soft: v.optional(value), hard: v.optional(value) })]);
  const entries = (Object.keys(RLIMIT_UNITS) as RlimitName[]).map((name) => {
    const isLimit = (option: RlimitOption) => isWell(() => rlimit(name, option) !== undefined);
    const expects = `${rlimitExpectation(name)}; or { soft, hard } of these`;
    const about = `The limit RLIMIT_${name.toUpperCase()} of the program.`;
    return [name, key(v.pipe(limit, v.check(isLimit)), { ...unit, about, expects })];
  });
  return table(Object.fromEntries(entries), { expects: "a table" });
}

function variablesTable(): v.GenericSchema {
  const facts: TableFacts = {
    expects: "a table of texts",
    nameProblem: (name) =>
      VARIABLE_NAME.test(name)
        ? undefined
        : `must be letters, digits, "_", "." or "-" and start with a letter or "_": current value is ${JSON.stringify(name)}`,
  };
  return v.pipe(
    v.record(v.string(), item(v.pipe(v.string(), v.check((text) => !text.includes("\0"))), "a text", true)),
    v.metadata({ facts }),
  );
}

function key(schema: v.GenericSchema, facts: KeyFacts): v.OptionalSchema<v.GenericSchema, undefined> {
  return v.optional(v.pipe(schema, v.metadata({ facts })));
}

function item(schema: v.GenericSchema, expects: string, secret = false): v.GenericSchema {
  return v.pipe(schema, v.metadata({ facts: { ...unit, expects, ...(secret ? { secret } : {}) } }));
}

function table(entries: v.ObjectEntries, facts: TableFacts): v.GenericSchema {
  return v.pipe(v.strictObject(entries), v.metadata({ facts }));
}

function duration(isGood: (ms: number) => boolean = () => true): v.GenericSchema {
  return v.pipe(v.string(), v.check((text) => isWell(() => isGood(durationMs(text)))));
}

function integerWithin(least: number, most: number): v.GenericSchema {
  return v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most));
}

const isPositive = (ms: number): boolean => ms > 0;

function isWell(test: () => boolean): boolean {
  try {
    return test();
  } catch {
    return false;
  }
}

function size(isGood: (bytes: number) => boolean): v.GenericSchema {
  return v.pipe(v.union([v.number(), v.string()]), v.check((value) => isWell(() => isGood(byteSize(value)))));
}

/** Whether the probe itself will take a target, once `{port}` and `{instance}` are numbers. */
function isTarget(target: ProbeTarget, placeholders: Placeholders = { port: 1, instance: 1 }): boolean {
  return isWell(() => {
    checkTarget(target, placeholders);
    return true;
  });
}

/** `[defaults.service]` below the table of one service: tables merge, `run` and lists replace. */
function withDefaults(own: ServiceTable, defaults: ServiceTable): ServiceTable {
  const merged: ServiceTable = { ...defaults, ...own };
  if (own.run !== undefined && own.module === undefined) delete merged.module;
  if (own.module !== undefined && own.run === undefined) delete merged.run;
  for (const name of ["env", "ready", "restart", "stop", "rlimits", "log"] as const) {
    if (own[name] !== undefined && defaults[name] !== undefined) Object.assign(merged, { [name]: { ...defaults[name], ...own[name] } });
  }
  return merged;
}

function sameNames(names: readonly string[]): ServiceProblem[] {
  const seen = new Map<string, string>();
  const problems: ServiceProblem[] = [];
  for (const name of names) {
    const first = seen.get(nameKey(name));
    if (first === undefined) seen.set(nameKey(name), name);
    else {problems.push({
        path: ["service", name],
        message: `expected a name that differs from ${JSON.stringify(first)} by more than case, got ${JSON.stringify(name)}`,
      });}
  }
  return problems;
}

/** Two who write one file would rotate it under each other's feet. */
function logFileProblems(specs: readonly ServiceSpec[], taken: Readonly<Record<string, string>>): ServiceProblem[] {
  return sameFiles(specs, taken).map(({ service, unit, other, file }) => ({
    path: ["service", service, "log", "file"],
    message: `expected a file of its own for ${unit}, got ${file}, which ${other} writes`,
    hint: unit.includes("@") && other.startsWith(`${service}@`) ? "write {instance} in its name" : "name another one",
  }));
}

function problemsOf(name: string, table: ServiceTable): ServiceProblem[] {
  const problems: ServiceProblem[] = [];
  const { run, module, ready, port, instances = 1, after = [], log = {} } = table;
  const find = (path: (string | number)[], message: string, hint?: string) =>
    void problems.push({ path: ["service", name, ...path], message, hint });
  if (run === undefined && module === undefined) find(["run"], "expected run, got nothing", 'write run = ["program", "argument"]');
  if (run !== undefined && module !== undefined) find(["module"], "expected either run or module, got both", "remove one of them");
  if (module !== undefined && table.leftover === "adopt") {
    find(["leftover"], 'expected run beside "adopt", got module', "a module ends with the daemon that it reports to");
  }
  for (const account of ["user", "group"] as const) {
    if (module !== undefined && table[account] !== undefined) {
      find([account], `expected run beside ${account}, got module`, "a module runs as the daemon does");
    }
  }
  if (port !== undefined && port + instances - 1 > 65_535) {
    find(["port"], `expected a port of at most ${65_536 - instances} for ${instances} instances, got ${port}`);
  }
  after.forEach((entry, index) => {
    if (!isWell(() => parseAfter(entry).name !== "")) find(["after", index], `expected ${AFTER}, got ${JSON.stringify(entry)}`);
  });
  if (log.file?.includes("{port}") && port === undefined) {
    find(["port"], "expected a port for log.file, which has {port}, got nothing", "write port = 3000");
  }
  const { max_size: maxSize = "20MB", max_total: maxTotal } = log;
  if (maxTotal !== undefined && byteSize(maxTotal) < byteSize(maxSize)) {
    find(
      ["log", "max_total"],
      `expected at least log.max_size (${maxSize}), got ${maxTotal}`,
      "lower log.max_size, or raise log.max_total",
    );
  }
  if (ready === undefined) return problems;
  const targets = PROBE_KINDS.filter((target) => ready[target] !== undefined);
  if (targets.length !== 1) {
    const message = `expected exactly one of ${listed(PROBE_KINDS)}, got ${targets.length === 0 ? "none" : targets.join(" and ")}`;
    problems.push({ path: ["service", name, "ready"], message, isMissing: targets.length === 0 });
  }
  if (ready.owner !== undefined && ready.http === undefined && ready.tcp === undefined) {
    find(["ready", "owner"], "expected http or tcp beside owner, got neither", "remove it: only who listens on a port has an owner");
  }
  const { alive, timeout = "30s" } = ready;
  if (alive !== undefined && durationMs(alive) >= durationMs(timeout)) {
    find(["ready", "alive"], `expected less than ready.timeout (${timeout}), got ${alive}`, `write a ready.timeout of more than ${alive}`);
  }
  for (const target of ["http", "tcp"] as const) {
    const text = ready[target];
    if (text === undefined) continue;
    if (text.includes("{port}") && port === undefined) {
      find(["port"], `expected a port for ready.${target}, which has {port}, got nothing`, "write port = 3000");
    }
    if (instances > 1 && !text.includes("{port}") && !text.includes("{instance}")) {
      find(
        ["ready", target],
        `expected {port} for ${instances} instances, got one fixed port in ${JSON.stringify(text)}`,
        port === undefined ? "write {port} in its place, and port = 3000 for the first instance" : "write {port} in its place",
      );
    }
    // Numbers that are written one behind the other can leave the range of ports.
    const last = { port: port === undefined ? undefined : port + instances - 1, instance: instances - 1 };
    const spec: ProbeTarget = target === "http" ? { kind: "http", url: text } : { kind: "tcp", address: text };
    if (problems.length === 0 && !isTarget(spec, last)) {
      find(["ready", target], `expected an address for each of ${instances} instances, got ${JSON.stringify(text)}`);
    }
  }
  return problems;
}

function optionsOf(table: ServiceTable): ServiceOptions {
  const {
    run,
    module,
    ready,
    restart,
    stop,
    log,
    env_file: envFile,
    inherit_env: inheritEnv,
    success_exit_codes: successExitCodes,
    after,
    port,
    env,
    cwd,
    instances,
    leftover,
    essential,
    user,
    group,
    umask,
    nice,
    rlimits,
    oom_score_adj: oomScoreAdj,
  } = table;
  return {
    run,
    module,
    after,
    port,
    env,
    envFile,
    inheritEnv,
    cwd,
    instances,
    ready: ready as ProbeOptions | undefined,
    restart: restart === undefined ? undefined : restartOptions(restart),
    stop: stop === undefined ? undefined : { run: stop.run, signal: stop.signal, timeout: stop.timeout, killMode: stop.kill_mode },
    leftover,
    essential,
    successExitCodes,
    user,
    group,
    umask,
    nice,
    rlimits,
    oomScoreAdj,
    log: log === undefined ? undefined : logOptions(log),
  };
}

function logOptions(table: NonNullable<ServiceTable["log"]>): ServiceOptions["log"] {
  const { file, max_size: maxSize, keep, max_total: maxTotal, format, max_line: maxLine } = table;
  return { file, maxSize, keep, maxTotal, format, maxLine };
}

function restartOptions(table: NonNullable<ServiceTable["restart"]>): ServiceOptions["restart"] {
  // A policy alone is the common case, and shares one object with all others.
  if (table.policy !== undefined && Object.keys(table).length === 1) return table.policy;
  const {
    policy,
    delay,
    factor,
    max_delay: maxDelay,
    jitter,
    max_restarts: maxRestarts,
    within,
    reset_after: resetAfter,
    on_exhausted: onExhausted,
  } = table;
  return { policy, delay, factor, maxDelay, jitter, maxRestarts, within, resetAfter, onExhausted };
}
