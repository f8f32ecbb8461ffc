export type { Access } from "./access.ts";
export { type ControlHandler, controlHandler, type ControlOptions } from "./handler.ts";
export { Listeners, type ListenersOptions } from "./listeners.ts";
export { PROBLEM, problem, type ProblemDetails, problemOf } from "./problem.ts";
export { ADMIN_LISTENER, type ListenerGroup, type ListenerSpec } from "./spec.ts";
export { readToken, type TokenFile } from "./token.ts";
export { type OpenStreamOptions, OpenStreams, type StreamFormat } from "./stream.ts";
export * from "./routes/mod.ts";
