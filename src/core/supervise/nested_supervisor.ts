import { CancelToken } from "./cancel.ts";
import { messageOf, SubsystemError } from "../values/errors.ts";
import { nameKey } from "../values/names.ts";
import type { Registration } from "./registration.ts";
import { RestartPolicy } from "./restart.ts";
import { LATE, type RunContext } from "./run_context.ts";
import type { SubsystemSpec } from "./spec.ts";
import { type Group, INNER, Supervisor, type SupervisorEnd, type SupervisorOptions, type SupervisorPorts } from "./supervisor.ts";

/** A strategy that takes siblings down that are well is granted so many restarts in that time, where nobody says otherwise. */
const MOST_RESTARTS = 10;
const WITHIN = "30s";

/** Levels of a tree that start in one turn of the microtask queue. */
const LEVELS_AT_ONCE = 32;

/** Makes a group of subsystems one subsystem: ready when all its children have started, down when all are down. */
export function supervisorSubsystem(
  name: string,
  children: readonly Registration[],
  options: SupervisorOptions,
  ports: () => SupervisorPorts,
): Group {
  return new NestedSupervisor(name, children, options, ports);
}

/** Those paths that lie in a group, as seen from inside it: the units that are down are fewer than its children. */
function keysBelow(group: string, paths: ReadonlySet<string>): Set<string> {
  const prefix = `${nameKey(group)}/`;
  return new Set([...paths].filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length)));
}

class NestedSupervisor implements Group {
  readonly name: string;
  readonly spec: SubsystemSpec = {
    readiness: "manual",
    restart: RestartPolicy.Never,
    // A subtree is bounded by its children's own times and by the daemon's deadline.
    ready: { timeout: Infinity },
    stop: { timeout: Infinity },
  };
  readonly #children: readonly Registration[];
  readonly #options: SupervisorOptions;
  readonly #ports: () => SupervisorPorts;
  #current: Supervisor | undefined;
  /** Keys of the names of children that stay down when it runs again; undefined before the first run. */
  #down: ReadonlySet<string> | undefined;

  constructor(name: string, children: readonly Registration[], options: SupervisorOptions, ports: () => SupervisorPorts) {
    this.name = name;
    this.#children = children;
    this.#options = options;
    this.#ports = ports;
  }

  get [INNER](): Supervisor | undefined {
    return this.#current;
  }

  async run(context: RunContext): Promise<void> {
    // Each level starts inside the one above it; in a deep tree that would use up the stack.
    if (context.name.split("/").length % LEVELS_AT_ONCE === 0) await undefined;
    const alive = this.#current?.unstopped().map(({ path }) => path) ?? [];
    if (alive.length > 0) {
      throw new SubsystemError(
        "SUBSYSTEM_STOP_TIMEOUT",
        context.name,
        `Cannot start ${context.name} a second time while the old run of ${alive.join(", ")} lives`,
      );
    }
    // Children stop in order, so the stop must not reach their tokens at once: the group has a root of its own.
    const token = new CancelToken();
    const ports = this.#ports();
    const { strategy = "oneForOne" } = this.#options;
    const limit = strategy === "oneForOne" ? undefined : { maxRestarts: MOST_RESTARTS, within: WITHIN };
    const supervisor = new Supervisor(ports, token, this.#children, { ...limit, ...this.#options, path: context.name });
    this.#down ??= keysBelow(context.name, ports.keptDown);
    this.#current = supervisor;
    const end = Promise.withResolvers<SupervisorEnd | { kind: "stopped" }>();
    supervisor.onEnd((how) => {
      // A group that was made empty is a place for those who come and go.
      if (how.kind !== "idle" || this.#children.length > 0) end.resolve(how);
    });
    const { signal } = context;
    const onAbort = () => end.resolve({ kind: "stopped" });
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    using _force = context.onForce(() => supervisor.force());
    using _kill = context.onKill(() => supervisor.kill());
    try {
      const started = supervisor.start(this.#down);
      started.then(() => context.ready(), (error) => end.resolve({ kind: "escalated", error }));
      const how = await end.promise;
      // A child that was stopped on purpose is not started by a crash of a sibling.
      this.#down = supervisor.stoppedByOperator();
      // Looked for first: whoever is told to stop does not count any more.
      const failures = how.kind === "stopped" ? [] : supervisor.failures();
      const failed = failures.find(({ isSignificant }) => isSignificant) ?? failures.at(0);
      await supervisor.stop(how.kind === "stopped" ? messageOf(signal.reason) : `${context.name} ends`);
      await started.catch(() => {});
      const unstopped = supervisor.unstopped();
      if (how.kind === "escalated") throw how.error;
      if (unstopped.length > 0) {
        if (how.kind === "stopped") {
          // It is down when all of it is.
          context[LATE]();
          await supervisor.emptied();
          return;
        }
        throw new SubsystemError("SUBSYSTEM_STOP_TIMEOUT", context.name, `Cannot stop ${unstopped.map(({ path }) => path).join(", ")}`);
      }
      if (failed === undefined) return;
      const { path, state, reason, error: cause, isSignificant } = failed;
      const error = new SubsystemError("SUBSYSTEM_FAILED", path, `Cannot go on as ${path} is ${state}: ${reason}`, { cause });
      // A group that asked for its end, or has done its work, does not run again for a child that has failed; yet that is no clean end.
      throw how.kind === "idle" || (how.kind === "autoShutdown" && isSignificant) ? error : context.fatal(error);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }
}
