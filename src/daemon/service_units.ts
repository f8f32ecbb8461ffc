import { type Registration, registration } from "../core/supervise/registration.ts";
import { type Service, type ServicePorts, serviceSubsystems } from "../service/mod.ts";
import type { ServiceSpec } from "../service/spec.ts";

const NONE: ReadonlySet<string> = new Set();

/** The units of the services of a configuration, which outlive its changes. */
export class ServiceUnits {
  readonly #ports: ServicePorts;
  #services = new Map<string, Service>();

  /** Creates it without a unit. */
  constructor(ports: ServicePorts) {
    this.#ports = ports;
  }

  /** The units as they are now, in order. */
  all(): IterableIterator<Service> {
    return this.#services.values();
  }

  /**
   * Makes the units those of these services, in order, and names those that must run afresh. A unit that was there before goes on with what
   * has changed, unless its service is among `afresh`.
   */
  change(services: readonly ServiceSpec[], afresh: ReadonlySet<string> = NONE): { children: Registration[]; restart: Set<string> } {
    const before = this.#services;
    this.#services = new Map();
    const restart = new Set<string>();
    for (const service of services) {
      for (const fresh of serviceSubsystems(service, this.#ports)) {
        const known = before.get(fresh.name);
        const isKept = known !== undefined && !afresh.has(service.name);
        if (isKept) known.update(service);
        else if (known !== undefined) restart.add(fresh.name);
        this.#services.set(fresh.name, isKept ? known : fresh);
      }
    }
    return { children: [...this.#services.values()].map((service) => registration(service, "service")), restart };
  }
}
