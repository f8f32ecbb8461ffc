import type { SubsystemEnd, SubsystemHandle } from "../core/supervise/children.ts";
import type { UnitStatus } from "../core/supervise/operations.ts";
import type { Registration } from "../core/supervise/registration.ts";
import { innerOf, type Supervisor } from "../core/supervise/supervisor.ts";
import { runsAsProcess } from "../core/supervise/unit.ts";
import { messageOf, ShutdownError, SubsystemError, unknownUnit } from "../core/values/errors.ts";
import { didYouMean, nameKey, nearest } from "../core/values/names.ts";
import { checkFunction, checkText } from "../core/values/options.ts";

/** The daemon whose units are found. */
export interface Located {
  /** The supervisor of all units; undefined until there is one. */
  readonly supervisor: Supervisor | undefined;
  /** Whether units may still come. */
  readonly isOpen: boolean;
}

/** Finds units of a daemon by what callers know of them: a path, a handle, a class. */
export class Locator {
  readonly #daemon: Located;

  /** Creates it for a daemon that may not have units yet. */
  constructor(daemon: Located) {
    this.#daemon = daemon;
  }

  /** A snapshot of all units. */
  units(): UnitStatus[] {
    return this.#daemon.supervisor?.status() ?? [];
  }

  /** The instance of a class among the subsystems that run: see `Daemon.get`. */
  get<T extends object>(type: abstract new (...args: never[]) => T, name?: string): T {
    checkFunction("get an instance", "type", type);
    if (name !== undefined) checkText("get an instance", "name", name);
    const all = this.#daemon.supervisor?.instances(type) ?? [];
    const found = name === undefined ? all : all.filter(({ path }) => nameKey(path) === nameKey(name));
    if (found.length === 1) return found[0].instance;
    const who = `${type.name === "" ? "a class" : type.name}${name === undefined ? "" : ` called ${JSON.stringify(name)}`}`;
    const near = found.length > 0 || name === undefined ? undefined : nearest(name, all.map(({ path }) => path));
    const why = found.length === 0
      ? `one must run: none does${near === undefined ? "" : `; ${didYouMean(near)}`}`
      : `only one may run, or a name must say which: ${found.map(({ path }) => path).join(", ")}`;
    throw new SubsystemError("RUNTIME_STATE", name ?? type.name, `Cannot get an instance of ${who} as ${why}`);
  }

  /** Adds a unit while running, to the group with this path where one is given. */
  add(child: Registration, group: string | { readonly name: string } | undefined): SubsystemHandle {
    const name = JSON.stringify(child.subsystem.name);
    const { supervisor, isOpen } = this.#daemon;
    if (supervisor === undefined || !isOpen) {
      throw new ShutdownError("SHUTDOWN_IN_PROGRESS", `Cannot add ${name} as the daemon does not run`);
    }
    if (group === undefined) return supervisor.add(child);
    const path = typeof group === "string" ? group : group?.name;
    if (typeof path !== "string") {
      throw new TypeError(`Cannot add ${name} as "group" must be a path or a handle: current value is ${messageOf(group)}`);
    }
    const unit = supervisor.unitAt(path);
    const inner = innerOf(unit);
    if (inner === undefined) {
      const why = unit.registration.kind === "supervisor" ? `is ${unit.state}` : "is no group";
      throw new SubsystemError("RUNTIME_STATE", unit.path, `Cannot add ${name} to ${unit.path} as it ${why}`);
    }
    return inner.add(child);
  }

  /** Resolves with how the unit with this path has ended. */
  async endOf(path: string): Promise<SubsystemEnd> {
    if (typeof path !== "string") {
      throw new TypeError(`Cannot wait for the end of a unit as its path must be a text: current value is ${messageOf(path)}`);
    }
    const unit = this.#daemon.supervisor?.unitAt(path);
    if (unit === undefined) throw unknownUnit(path, []);
    return await unit.supervisor.ended(unit);
  }

  /** Paths of units that have run as code of this process; a service is a program of its own, a supervisor runs only others. */
  insiders(): string[] {
    return this.units().filter(({ kind, run }) => run > 0 && !runsAsProcess(kind) && kind !== "supervisor").map(({ name }) => name);
  }
}
