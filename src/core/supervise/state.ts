/** Where a subsystem is in its life; the same words on the wire, in the API, in logs and in metrics. */
export type State =
  | "waiting"
  | "starting"
  | "running"
  | "stopping"
  | "stopped"
  | "restarting"
  | "completed"
  | "skipped"
  | "failed"
  | "fatal";

/** Every {@linkcode State}. */
export const STATES: readonly State[] = [
  "waiting",
  "starting",
  "running",
  "stopping",
  "stopped",
  "restarting",
  "completed",
  "skipped",
  "failed",
  "fatal",
];
