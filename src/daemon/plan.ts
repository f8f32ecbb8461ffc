import type { Host } from "../core/host.ts";
import type { LogSink } from "../core/log.ts";
import type { Registration } from "../core/registration.ts";
import type { RestartWhen } from "../core/restart.ts";
import type { ServiceSpec } from "../service/spec.ts";
import type { Config } from "./config.ts";
import type { LoadedConfig } from "./load.ts";
import type { Session } from "./session.ts";
import type { SignalConfig } from "./signal_config.ts";

/** Something that a builder was told to run: ready as it is, or made when the daemon starts and knows its host. */
export type Entry =
  | Registration
  | { readonly service: ServiceSpec }
  | {
    readonly make: (session: Session) => Registration;
    readonly name: string;
    readonly after: readonly string[];
    readonly restart?: RestartWhen;
    /** The longest time that one of its own has to stop, in milliseconds. */
    readonly longestStopMs: number;
  };

/** Everything that a builder has gathered; read by the daemon, written by nobody. */
export interface Plan {
  /** The daemon's settings. */
  readonly config: Config;
  /** What it runs, in order of registration. */
  readonly entries: readonly Entry[];
  /** Which signals do what; undefined leaves them all alone. */
  readonly signals: SignalConfig | undefined;
  /** Where log records go; undefined means the console when the daemon owns the process, else nowhere. */
  readonly sink: LogSink | undefined;
  /** Path of the PID file; undefined writes none. */
  readonly pidFile: string | undefined;
  /** The configuration file that it was made from, with its control socket, lock and folders; undefined for a daemon made in code. */
  readonly loaded: LoadedConfig | undefined;
  /** The machine; undefined takes the real one when it is first needed. */
  readonly host: Host | undefined;
}
