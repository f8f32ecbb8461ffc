import type { Env } from "./env.ts";
import type { Files } from "./files.ts";
import type { Http } from "./http.ts";
import type { Ipc } from "./ipc.ts";
import type { Modules } from "./modules.ts";
import type { OwnProcess } from "./own_process.ts";
import type { Processes } from "./processes.ts";
import type { Profiler } from "./profiler.ts";
import type { Resources } from "./resources.ts";
import type { Signals } from "./signals.ts";
import type { Sockets } from "./sockets.ts";
import type { Terminal } from "./terminal.ts";
import type { Watcher } from "./watcher.ts";
import type { Clock } from "./clock.ts";

/**
 * Everything that a daemon asks of the machine it runs on. `src/platform` implements it for Deno and Bun, `src/testing` as a fake with
 * faults; nothing else talks to a runtime.
 *
 * Every method that fails throws or rejects with an `IoError` whose code says what kind of failure it was and whose context holds the path,
 * address or pid.
 */
export interface Host {
  /** Runtime and version, such as `deno 2.9.6` or `bun 1.4.5`. */
  readonly runtime: string;
  /** Time. */
  readonly clock: Clock;
  /** Chance: a number in [0, 1). */
  readonly random: () => number;
  /** A text of letters, digits and hyphens that nobody can guess, another one at each call. */
  readonly secret: () => string;
  /** Signals to and from this process. */
  readonly signals: Signals;
  /** Small files, read and written whole. */
  readonly files: Files;
  /** Changes in folders. */
  readonly watcher: Watcher;
  /** Child processes and what is known of others. */
  readonly processes: Processes;
  /** Resource use of processes. */
  readonly resources: Resources;
  /** HTTP over TCP and unix sockets. */
  readonly http: Http;
  /** Listeners on this machine. */
  readonly sockets: Sockets;
  /** Profiles of the time and memory that this process spends. */
  readonly profiler: Profiler;
  /** Bytes between processes of this machine. */
  readonly ipc: Ipc;
  /** Code that is not part of this program. */
  readonly modules: Modules;
  /** Environment variables of this process. */
  readonly env: Env;
  /** The terminal or whatever stdout and stderr are. */
  readonly terminal: Terminal;
  /** Process-wide effects, for whoever owns the process. */
  readonly ownProcess: OwnProcess;
}
