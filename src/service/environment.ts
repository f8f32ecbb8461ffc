import { isDaemonError, messageOf, SubsystemError } from "../core/values/errors.ts";
import type { Host } from "../core/ports/host.ts";
import type { UserInfo } from "../core/ports/processes.ts";
import { MAX_ENV_FILE_BYTES, readEnv } from "./env_file.ts";
import type { ServiceSpec } from "./spec.ts";

/** Values of `{port}` and `{instance}` in one instance of a service. */
export interface Placeholders {
  /** The instance's port; `{port}` stays as it is without one. */
  port: number | undefined;
  /** The instance's number, from 0. */
  instance: number;
}

const PLACEHOLDER = /(?<![{$])\{(port|instance)\}(?!\})/g;

/** Writes the port and the number of an instance into a text; every other brace stays as it is, `{{port}}` and `${port}` too. */
export function expand(text: string, { port, instance }: Placeholders): string {
  return text.replace(PLACEHOLDER, (whole, name: string) => String(name === "port" ? port ?? whole : instance));
}

/** The variable in which each child carries `daemon id/unit/run`, so that a later daemon finds what an earlier one left behind. */
export const UNIT_VARIABLE = "DAEMONKIT_UNIT";

/** The variable in which each child carries its daemon's control socket, for `--socket`, and to tell two daemons of one file apart. */
export const SOCKET_VARIABLE = "DAEMONKIT_SOCKET";

/** Variables that differ in every run, of one daemon or of several. */
export const MARKS: readonly string[] = [UNIT_VARIABLE];

/** Says to a daemon that it runs in the background. */
export const BACKGROUND_VARIABLE = "DAEMONKIT_BACKGROUND";

/** Says to a daemon in the background where its state is: it may have to know before it could read its configuration. */
export const STATE_VARIABLE = "DAEMONKIT_STATE";

/** Where programs are looked up when nobody set a PATH, as with an empty environment. */
export const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** The daemon's own settings, how it was started, and two switches that would turn a compiled executable's child into something else. */
const WITHHELD = /^(?:DAEMON_.*|DAEMONKIT_(?:BACKGROUND|SOCKET|STATE)|BUN_BE_BUN|BUN_OPTIONS)$/;

/** Variables that a service of another user inherits by default. */
const HARMLESS: readonly string[] = ["PATH", "LANG", "LANGUAGE", "LC_*", "TZ", "TERM"];

/** Options of {@linkcode serviceEnvironment}. */
export interface EnvironmentOptions extends Placeholders {
  /** Path of the unit. */
  unit: string;
  /** Value of {@linkcode UNIT_VARIABLE}. */
  unitValue: string;
  /** Value of {@linkcode SOCKET_VARIABLE}, where the daemon has a control socket. */
  socket: string | undefined;
  /** The user that the service runs as, where that is not simply the daemon's. */
  user: UserInfo | undefined;
  /** Ends the reading of an env file that has no end. */
  signal?: AbortSignal | undefined;
}

/**
 * The whole environment of one start of a service: of the daemon's own what it inherits, the user's HOME, USER and LOGNAME, the env files read anew, `env`,
 * `PORT`, each over those before it.
 *
 * @throws {SubsystemError} if an env file can't be read or understood.
 */
export async function serviceEnvironment(spec: ServiceSpec, host: Host, options: EnvironmentOptions): Promise<Record<string, string>> {
  const { unitValue, socket, user, port } = options;
  const isInherited = inheritance(spec);
  const variables = new Map(Object.entries(host.env.all()).filter(([name]) => !WITHHELD.test(name) && isInherited(name)));
  if (user !== undefined) variables.set("HOME", user.home).set("USER", user.name).set("LOGNAME", user.name);
  for (const file of spec.envFiles) {
    for (const [name, value] of await readEnvFile(file, host, options)) variables.set(name, value);
  }
  for (const [name, value] of Object.entries(spec.env)) variables.set(name, expand(value, options));
  if (port !== undefined) variables.set("PORT", String(port));
  if (!variables.has("PATH")) variables.set("PATH", DEFAULT_PATH);
  variables.set(UNIT_VARIABLE, unitValue);
  if (socket !== undefined) variables.set(SOCKET_VARIABLE, socket);
  return Object.fromEntries(variables);
}

/** Selects the daemon's variables that a service gets; one of another user gets nothing that may be secret unless it is named. */
function inheritance({ inheritEnv, user }: ServiceSpec): (name: string) => boolean {
  const names = inheritEnv ?? (user === undefined ? undefined : HARMLESS);
  if (names === undefined) return () => true;
  const patterns = names.map((name) => new RegExp(`^${name.split("*").map((part) => RegExp.escape(part)).join(".*")}$`, "s"));
  return (name) => patterns.some((pattern) => pattern.test(name));
}

async function readEnvFile(
  file: { path: string; optional: boolean },
  host: Host,
  { unit, signal }: Pick<EnvironmentOptions, "unit" | "signal">,
): Promise<Map<string, string>> {
  let bytes: Uint8Array;
  try {
    ({ bytes } = await host.files.read(file.path, { maxBytes: MAX_ENV_FILE_BYTES, ...(signal === undefined ? {} : { signal }) }));
  } catch (cause) {
    const code = isDaemonError(cause) ? cause.code : "IO_FAILED";
    if (code === "IO_NOT_FOUND" && file.optional) return new Map();
    signal?.throwIfAborted();
    const why = code === "IO_NOT_FOUND"
      ? `its env_file must exist; write "?" before its path if it may be missing: current value is "${file.path}"`
      : `its env_file must be readable: ${messageOf(cause)}`;
    throw new SubsystemError(code, unit, `Cannot start ${unit} as ${why}`, {
      cause,
      context: { path: file.path },
    });
  }
  const read = readEnv(bytes);
  if ("variables" in read) return read.variables;
  const { line, column, message } = read.mistake;
  throw new SubsystemError(
    "CONFIG_SYNTAX",
    unit,
    `Cannot start ${unit} because of its env_file: ${file.path}:${line}:${column}: ${message}`,
    { context: { path: file.path, line } },
  );
}
