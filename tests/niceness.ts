import { getPriority } from "node:os";

/** The niceness of a program that is started with so much more of it than the tests have, which may have been started with some. */
export function nicerBy(more: number): number {
  return Math.min(19, getPriority(0) + more);
}
