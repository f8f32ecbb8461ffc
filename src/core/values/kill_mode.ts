/**
 * Processes that end with a program: `all` that it has started; its process `group`; the `process` alone; `cgroup` is `all` too, in a
 * control group of its own, which nobody gets out of and which is killed at one moment.
 */
export type KillMode = "all" | "group" | "process" | "cgroup";

/** Every {@linkcode KillMode}. */
export const KILL_MODES: readonly KillMode[] = ["all", "group", "process", "cgroup"];

/** Whether everything that a program starts ends with it, wherever it goes. */
export function endsAll(mode: KillMode): boolean {
  return mode === "all" || mode === "cgroup";
}
