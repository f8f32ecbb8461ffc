/** Services: programs that the daemon starts, asks whether they are ready, listens to and stops with everything they started. */
export { type LastExit, type LogPort, Service, type ServicePorts, serviceSubsystems } from "./service.ts";
export { sameFiles, unitLogs, unitNames } from "./log.ts";
export type { ProbeSpec, ProbeTarget, ServiceLogSpec, ServiceSpec } from "./spec.ts";
export { UNIT_VARIABLE } from "./environment.ts";
