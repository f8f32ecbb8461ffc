import { byteSize } from "./bytes.ts";

/** Limits that the system can set for a program and for all that it starts. */
export type RlimitName = "nofile" | "nproc" | "core" | "cpu" | "fsize" | "data" | "stack" | "as" | "memlock";

/** The two values of a limit, `Infinity` for none; an absent one stays as the daemon has it. */
export interface Rlimit {
  /** The limit in force. */
  readonly soft?: number;
  /** How far the program may raise it. */
  readonly hard?: number;
}

/** Limits by name. */
export type Rlimits = Readonly<Partial<Record<RlimitName, Rlimit>>>;

/** A limit as it is written: a number, a size such as `"64MiB"` where it counts bytes, or `"unlimited"`. */
export type RlimitValue = number | string;

/** A limit as it is written: one value for both, or each by its name. */
export type RlimitOption = RlimitValue | { readonly soft?: RlimitValue; readonly hard?: RlimitValue };

/** Unit of each limit. */
export const RLIMIT_UNITS: Readonly<Record<RlimitName, "bytes" | "seconds" | "files" | "processes">> = {
  nofile: "files",
  nproc: "processes",
  core: "bytes",
  cpu: "seconds",
  fsize: "bytes",
  data: "bytes",
  stack: "bytes",
  as: "bytes",
  memlock: "bytes",
};

/** Wording for a right value of a limit. */
export function rlimitExpectation(name: RlimitName): string {
  const unit = RLIMIT_UNITS[name];
  return unit === "bytes" ? `a size such as 65536 or "64MiB", or "unlimited"` : `a number of ${unit}, or "unlimited"`;
}

/**
 * Reads a limit; one value stands for both.
 *
 * @throws {RangeError} if a value is none, or the soft one is above the hard one.
 */
export function rlimit(name: RlimitName, option: RlimitOption): Rlimit {
  if (typeof option !== "object") {
    const value = valueOf(name, option);
    return { soft: value, hard: value };
  }
  const soft = option.soft === undefined ? undefined : valueOf(name, option.soft);
  const hard = option.hard === undefined ? undefined : valueOf(name, option.hard);
  if (soft === undefined && hard === undefined) throw refused(name, "soft, hard or both", {});
  if (soft !== undefined && hard !== undefined && soft > hard) throw refused(name, "a soft limit that is not above the hard one", option);
  return { ...(soft === undefined ? {} : { soft }), ...(hard === undefined ? {} : { hard }) };
}

function valueOf(name: RlimitName, value: RlimitValue): number {
  if (value === "unlimited" || value === Infinity) return Infinity;
  if (RLIMIT_UNITS[name] === "bytes") {
    try {
      return byteSize(value);
    } catch { /* reported below, with what else is allowed */ }
  } else if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw refused(name, rlimitExpectation(name), value);
}

function refused(name: RlimitName, what: string, value: unknown): RangeError {
  return new RangeError(`Cannot limit ${name} as it must be ${what}: current value is ${JSON.stringify(value)}`);
}
