/** Services: programs that the daemon starts, asks whether they are ready, listens to and stops with everything they started. */
export { type LastExit, Service, type ServicePorts, serviceSubsystems } from "./service.ts";
export { ModuleHub } from "./module_hub.ts";
export { Neighbours } from "./neighbours.ts";
export type { PublishLine } from "./output.ts";
export type { ProbeSpec, ProbeTarget, ServiceSpec } from "./spec.ts";
export { UNIT_VARIABLE } from "./environment.ts";
