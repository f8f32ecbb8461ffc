/** Services: programs that the daemon starts, asks whether they are ready, listens to and stops with everything they started. */
export { type LastExit, Service, type ServicePorts, serviceSubsystems } from "./service.ts";
export { markOf } from "./contents.ts";
export { handsOnAll, isShellName, logFileLack, type NeedHost, unmetNeeds } from "./needs.ts";
export { folderLack, type Lack, looked, remedyOf, unmakeable } from "./place.ts";
export { sameFiles, unitLogs, unitNames } from "./log.ts";
export { ModuleHub } from "./module_hub.ts";
export { Neighbours } from "./neighbours.ts";
export type { ProbeSpec, ProbeTarget, ServiceSpec } from "./spec.ts";
export { BACKGROUND_VARIABLE, SOCKET_VARIABLE, STATE_VARIABLE, UNIT_VARIABLE } from "./environment.ts";
export { parseMark } from "./continuity.ts";
