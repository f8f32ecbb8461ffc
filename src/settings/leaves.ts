import { byteSize } from "../core/values/bytes.ts";
import { durationMs } from "../core/values/duration.ts";
import { LOG_LEVELS } from "../core/ports/log.ts";

/** One setting of a daemon as the builder checks it, without the schema and its library. A test holds both in agreement. */
export interface Leaf {
  /** Wording for a right value, to go on after "expected". */
  expects: string;
  /** The value as the configuration keeps it, or undefined when it is none. */
  read: (value: unknown) => unknown;
  /** Value without any source; undefined where there is none, or where it follows from others. */
  default?: unknown;
  /** Its feature has not landed: only the default is accepted. */
  isNotYet?: boolean;
}

const NAME_EXPECTS = '1 to 63 letters, digits, "_" or "-" that start with a letter or digit';
const MAX_MS = Number.MAX_SAFE_INTEGER;
const flag = (standard: boolean): Leaf => ({
  expects: "true or false",
  read: (value) => typeof value === "boolean" ? value : undefined,
  default: standard,
});
const path: Leaf = { expects: "a path", read: (value) => typeof value === "string" && value !== "" ? value : undefined };
const integer = (min: number, max: number, standard: number): Leaf => ({
  expects: max === Infinity ? `an integer >= ${min}` : `an integer from ${min} to ${max}`,
  read: (value) => Number.isInteger(value) && (value as number) >= min && (value as number) <= max ? value : undefined,
  default: standard,
});
const duration = (min: number, standard?: number): Leaf => ({
  expects: 'milliseconds, or a duration such as "250ms", "1.5s" or "1h30m"',
  read: (value) => readDuration(value, min),
  default: standard,
});
const choice = (words: readonly string[], standard: string): Leaf => ({
  expects: `one of ${words.join(", ")}`,
  read: (value) => words.includes(value as string) ? value : undefined,
  default: standard,
});
const notYet = (leaf: Leaf): Leaf => ({ ...leaf, isNotYet: true });

/** Every setting by its path in the configuration. */
export const LEAVES = {
  "name": { expects: NAME_EXPECTS, read: (value: unknown) => isDaemonName(value) ? value : undefined, default: "daemon" },
  "work_dir": path,
  "pid_file": path,
  "state_dir": path,
  "hot_reload": flag(false),
  "logging.level": choice(LOG_LEVELS, "info"),
  "logging.json": flag(false),
  "logging.color": flag(true),
  "logging.file": path,
  "logging.max_file_size": {
    expects: 'a size above 0 such as 104857600, "64KiB" or "20MB"',
    read: readFileSize,
    default: 104_857_600,
  },
  "logging.max_files": integer(0, Infinity, 5),
  "shutdown.drain_delay_ms": duration(0),
  "shutdown.timeout_ms": duration(1),
  "shutdown.force_timeout_ms": duration(1),
  "shutdown.kill_timeout_ms": duration(1),
  "shutdown.exit_code": choice(["zero", "signal"], "zero"),
  "performance.worker_threads": integer(0, 1_024, 0),
  "performance.thread_pinning": notYet(flag(false)),
  "performance.memory_pool_size": notYet(integer(1, Infinity, 1_048_576)),
  "performance.numa_aware": notYet(flag(false)),
  "performance.lock_free": notYet(flag(true)),
  "performance.scheduler_hints": notYet(flag(false)),
  "performance.nice": notYet(integer(-20, 19, 0)),
  "monitoring.enable_metrics": flag(true),
  "monitoring.metrics_interval_ms": notYet(duration(1, 1_000)),
  "monitoring.track_resources": notYet(flag(true)),
  "monitoring.health_checks": notYet(flag(true)),
  "monitoring.health_check_interval_ms": notYet(duration(1, 5_000)),
  "bus.capacity": {
    expects: "a power of two from 2 to 1048576",
    read: (value: unknown) => isBusCapacity(value) ? value : undefined,
    default: 4_096,
  },
} as const satisfies Record<string, Leaf>;

/** Path of a setting. */
export type LeafPath = keyof typeof LEAVES;

/** Whether a value can be the name of a daemon; it becomes part of paths. */
export function isDaemonName(value: unknown): value is string {
  if (typeof value !== "string" || value.length === 0 || value.length > 63) return false;
  // A loop, not a regular expression: this runs in every build of a configuration.
  for (let index = 0; index < value.length; index++) {
    const code = value.charCodeAt(index);
    const isWord = (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || (code >= 48 && code <= 57);
    if (!isWord && (index === 0 || (code !== 45 && code !== 95))) return false;
  }
  return true;
}

/** Whether a value can be the capacity of the bus. */
export function isBusCapacity(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 2 && (value as number) <= 1_048_576 &&
    Number.isInteger(Math.log2(value as number));
}

function readDuration(value: unknown, min: number): number | undefined {
  try {
    const ms = typeof value === "string" ? Math.round(durationMs(value)) : value as number;
    return Number.isInteger(ms) && ms >= min && ms <= MAX_MS ? ms : undefined;
  } catch {
    return undefined;
  }
}

function readFileSize(value: unknown): number | undefined {
  try {
    const bytes = byteSize(value as string | number);
    return bytes > 0 ? bytes : undefined;
  } catch {
    return undefined;
  }
}
