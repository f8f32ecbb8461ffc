import type { AddedEntry, Feature, FeatureChange, FeaturePorts, FeatureSettings, OpenFeature } from "../core/feature.ts";
import type { Env } from "../core/ports/env.ts";
import type { Files } from "../core/ports/files.ts";
import type { Host } from "../core/ports/host.ts";
import type { Logger } from "../core/ports/log.ts";
import type { Processes } from "../core/ports/processes.ts";
import type { Survivor } from "../core/supervise/event.ts";
import { type Registration, registration } from "../core/supervise/registration.ts";
import { isDaemonError } from "../core/values/errors.ts";
import { resolvePath } from "../core/values/paths.ts";
import { tame } from "../core/values/terminal_text.ts";
import { changedContents, contentsOf, filesOf } from "./contents.ts";
import { unitLogs } from "./log.ts";
import { ModuleHub } from "./module_hub.ts";
import { handsOnAll, isShellName } from "./needs.ts";
import { Neighbours } from "./neighbours.ts";
import { type Service, type ServicePorts, serviceSubsystems } from "./service.ts";
import type { ServiceSpec } from "./spec.ts";

/** Services: programs that a daemon starts, asks whether they are ready, listens to and stops with everything they have started. */
export const SERVICE_FEATURE: Feature = {
  name: "service",
  outputs: (settings) => specsOf(settings).flatMap(unitLogs),
  open: (settings, ports) => new Services(settings, ports),
};

/** Kind of its units. */
const KIND = "service";

/** The services of the file. */
function configuredIn({ configured }: FeatureSettings): readonly ServiceSpec[] {
  return configured as readonly ServiceSpec[] | undefined ?? [];
}

/** A service of code with absolute paths. */
function addedSpec({ value }: AddedEntry, cwd: string): ServiceSpec {
  const spec = value as ServiceSpec;
  return {
    ...spec,
    cwd: resolvePath(cwd, spec.cwd),
    module: spec.module && resolvePath(cwd, spec.module),
    envFiles: spec.envFiles.map(({ path, optional }) => ({ path: resolvePath(cwd, path), optional })),
  };
}

/** All services, those of code with their paths as names. */
function specsOf(settings: FeatureSettings): ServiceSpec[] {
  const { added, cwd } = settings;
  return [
    ...configuredIn(settings),
    ...added.map((entry) => {
      const spec = addedSpec(entry, cwd);
      return { ...spec, name: entry.prefix + spec.name };
    }),
  ];
}

/** The services of one daemon: those of its file, which a reload may change, and those that were added in code. */
class Services implements OpenFeature {
  readonly #ports: ServicePorts;
  readonly #cwd: string;
  readonly #resources = new AsyncDisposableStack();
  #configured = new Map<string, Service>();
  readonly #added: Service[] = [];
  /** Services that a change has taken away, while something of them lives. */
  #removed: Service[] = [];

  constructor(
    settings: FeatureSettings,
    { host, log, output, daemonId, reportSocket, continuity, ownsProcess, measurements }: FeaturePorts,
  ) {
    const isUsed = settings.configured !== undefined || settings.added.length > 0;
    if (ownsProcess) this.#adoptOrphans(host, log, isUsed);
    if (isUsed) tellLostVariables(specsOf(settings), host, log);
    this.#ports = {
      host,
      logs: output,
      daemonId,
      neighbours: this.#resources.use(new Neighbours(host)),
      modules: this.#resources.use(new ModuleHub({ host, socket: reportSocket, measurements })),
      ...(continuity === undefined ? {} : { continuity }),
    };
    this.#cwd = settings.cwd;
    this.change(settings, new Set());
  }

  units(): Registration[] {
    return [...this.#configured.values()].map((service) => registration(service, KIND));
  }

  unitsOf(entry: AddedEntry): Registration[] {
    const made = serviceSubsystems(addedSpec(entry, this.#cwd), this.#ports, entry.prefix);
    this.#added.push(...made);
    return made.map((service) => registration(service, KIND));
  }

  /** A unit that was there before goes on with what has changed, unless its service is among `afresh`. */
  change(settings: FeatureSettings, afresh: ReadonlySet<string>): FeatureChange {
    const before = this.#configured;
    this.#configured = new Map();
    this.#removed = this.#removed.filter((service) => service.isAlive);
    const restart = new Set<string>();
    for (const spec of configuredIn(settings)) {
      for (const fresh of serviceSubsystems(spec, this.#ports)) {
        const known = before.get(fresh.name);
        const isKept = known !== undefined && !afresh.has(spec.name);
        if (isKept) known.update(spec);
        else if (known !== undefined) {
          restart.add(fresh.name);
          this.#removed.push(known);
        }
        before.delete(fresh.name);
        this.#configured.set(fresh.name, isKept ? known : fresh);
      }
    }
    this.#removed.push(...before.values());
    return { units: this.units(), restart };
  }

  async rewritten(next: FeatureSettings): Promise<Map<string, string[]>> {
    const { files } = this.#ports.host;
    const found = new Map<string, string[]>();
    const units = [...this.#configured.values()];
    for (const spec of configuredIn(next)) {
      const started = units.flatMap(({ service, contents }) => service === spec.name && contents !== undefined ? [contents] : []);
      if (started.length === 0) continue;
      const now = await contentsOf(spec, files);
      const paths = new Set(started.flatMap((before) => changedContents(before, now)));
      if (paths.size > 0) found.set(spec.name, [...paths]);
    }
    return found;
  }

  filesNamed(settings: FeatureSettings): { known: string[]; all: Promise<Set<string>> } {
    const specs = configuredIn(settings);
    const known = specs.flatMap(({ envFiles, module }) => [...envFiles.map(({ path }) => path), ...module === undefined ? [] : [module]]);
    return { known, all: allFilesOf(specs, this.#ports.host.files) };
  }

  recoverable(): Service[] {
    return [...this.#configured.values(), ...this.#added];
  }

  killedSince(sinceMs: number): string[] {
    return this.#everyone().flatMap(({ path, killedAt }) => killedAt !== undefined && Date.parse(killedAt) >= sinceMs ? [path] : []);
  }

  survivors(): Survivor[] {
    return this.#everyone().flatMap(({ path, survivors }) => survivors.length > 0 ? [{ path, pids: survivors }] : []);
  }

  #everyone(): Service[] {
    return [...this.recoverable(), ...this.#removed];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }

  /** Adopts the processes that services leave behind, so that this process owns them; process 1 has such children anyway. */
  #adoptOrphans({ processes }: Host, log: Logger, isUsed: boolean): void {
    if (!isUsed && processes.self().pid !== 1) return;
    const { lack, isInit } = this.#resources.use(processes.adoptOrphans());
    if (lack === undefined) return;
    if (isInit) {
      const advice =
        "runs as process 1 and can't wait for the orphans that it gets: start the container with an init, such as `docker run --init`";
      log.warn(advice, { reason: lack });
    } else {
      const known = canLook(processes)
        ? "what a service starts is found by its group, its session and its mark only, and not when it has left all three"
        : "what has left the process group of its service is not found, as the process table can't be read";
      log.info(known, { reason: lack });
    }
  }
}

async function allFilesOf(specs: readonly ServiceSpec[], files: Files): Promise<Set<string>> {
  const paths = new Set<string>();
  for (const spec of specs) for (const path of await filesOf(spec, files)) paths.add(path);
  return paths;
}

/** Deno lets nobody look at the process table but a program with all permissions. */
function canLook(processes: Processes): boolean {
  try {
    processes.census([]);
    return true;
  } catch (error) {
    if (isDaemonError(error)) return false;
    throw error;
  }
}

/** Names, never values, of what services will miss. */
function tellLostVariables(specs: readonly ServiceSpec[], { env, files }: { env: Env; files: Files }, log: Logger): void {
  const broken = env.broken();
  if (broken.length > 0) {
    log.warn("variables of the environment are no UTF-8, and no service gets them", { names: tame(broken.join(", ")) });
  }
  const texts = specs.filter(({ run, user, inheritEnv }) =>
    typeof run === "string" && (inheritEnv === undefined ? user === undefined : inheritEnv.includes("*"))
  );
  const odd = texts.length === 0 ? [] : Object.keys(env.all()).filter((name) => !isShellName(name));
  if (odd.length > 0 && !handsOnAll(files)) {
    log.warn("variables with such names are dropped by this system's /bin/sh; a run that is a list gets them", {
      names: tame(odd.join(", ")),
      services: texts.map(({ name }) => name).join(", "),
    });
  }
}
