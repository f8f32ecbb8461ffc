/** Services: programs that the daemon starts, asks whether they are ready, listens to and stops with everything they started. */
export { endsAll } from "./spec.ts";
export { type LastExit, Service, type ServicePorts, serviceSubsystems } from "./service.ts";
export { changedContents, type Contents, contentsOf, filesOf, markOf } from "./contents.ts";
export { isShellName, logFileProblem, type NeedHost, unmetNeeds } from "./needs.ts";
export type { LogPort } from "./output.ts";
export { sameFiles, unitLogs, unitNames } from "./log.ts";
export { ModuleHub } from "./module_hub.ts";
export { Neighbours } from "./neighbours.ts";
export type { KillMode, ProbeSpec, ProbeTarget, ServiceLogSpec, ServiceSpec } from "./spec.ts";
export { BACKGROUND_VARIABLE, SOCKET_VARIABLE, STATE_VARIABLE, UNIT_VARIABLE } from "./environment.ts";
export { type Continuity, parseMark, type RunningProgram } from "./continuity.ts";
export { type LeftoverPolicy } from "./spec.ts";
