import { CancelToken } from "./cancel.ts";
import { messageOf, SubsystemError } from "./errors.ts";
import type { Registration } from "./registration.ts";
import { RestartPolicy } from "./restart.ts";
import type { Context, SubsystemSpec } from "./subsystem.ts";
import { Supervisor, type SupervisorEnd, type SupervisorOptions, type SupervisorPorts } from "./supervisor.ts";
import { type Group, INNER } from "./unit.ts";

/** Makes a group of subsystems one subsystem: ready when all its children have started, down when all are down. */
export function supervisorSubsystem(
  name: string,
  children: readonly Registration[],
  options: SupervisorOptions,
  ports: () => SupervisorPorts,
): Group {
  return new NestedSupervisor(name, children, options, ports);
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

  constructor(name: string, children: readonly Registration[], options: SupervisorOptions, ports: () => SupervisorPorts) {
    this.name = name;
    this.#children = children;
    this.#options = options;
    this.#ports = ports;
  }

  get [INNER](): Supervisor | undefined {
    return this.#current;
  }

  async run(context: Context): Promise<void> {
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
    const supervisor = new Supervisor(this.#ports(), token, this.#children, { ...this.#options, path: context.name });
    this.#current = supervisor;
    const end = Promise.withResolvers<SupervisorEnd | { kind: "stopped" }>();
    supervisor.onEnd(end.resolve);
    const { signal } = context;
    const onAbort = () => end.resolve({ kind: "stopped" });
    signal.addEventListener("abort", onAbort, { once: true });
    using _force = context.onForce(() => supervisor.force());
    using _kill = context.onKill(() => supervisor.kill());
    try {
      const started = supervisor.start();
      started.then(() => context.ready(), (error) => end.resolve({ kind: "escalated", error }));
      const how = await end.promise;
      await supervisor.stop(how.kind === "stopped" ? messageOf(signal.reason) : `${context.name} ends`);
      await started.catch(() => {});
      const unstopped = supervisor.unstopped();
      if (how.kind === "escalated") throw how.error;
      if (unstopped.length > 0 && how.kind !== "stopped") {
        throw new SubsystemError("SUBSYSTEM_STOP_TIMEOUT", context.name, `Cannot stop ${unstopped.map(({ path }) => path).join(", ")}`);
      }
      const failed = supervisor.status().find(({ state }) => state === "failed" || state === "fatal");
      if (how.kind === "idle" && failed) {
        throw new SubsystemError("SUBSYSTEM_FAILED", failed.name, `Cannot go on as ${failed.name} is ${failed.state}: ${failed.reason}`);
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }
}
