export { type ControlHandler, controlHandler, type ControlOptions, type OutcomesAnswer, type StatusAnswer } from "./handler.ts";
export { type Problem, problem, problemOf } from "./problem.ts";
export { type OpenStreamOptions, OpenStreams, type StreamFormat } from "./stream.ts";
export { controlSubsystem, type ControlSubsystemOptions } from "./subsystem.ts";
