import type { AfterCondition } from "./after.ts";

/**
 * How an edge of `after` stands: what it waits for is so (`Met`), or on its way (`Coming`), or not, and nobody knows when it will be (`Late`).
 * It stops on purpose (`Going`), or has (`Down`); or it never will be so by itself (`Barred`).
 */
export enum Grade {
  Met,
  Coming,
  Late,
  Going,
  Down,
  Barred,
}

/** One edge: `from` comes after `to`. */
export interface Edge<V> {
  readonly from: V;
  readonly to: V;
  readonly condition: AfterCondition;
  grade: Grade;
}

/** Shared by all that come after nothing. */
const NONE: readonly never[] = [];

/** The edges of one vertex, and how many of them stand how, so that nobody has to look at all of them. */
export class Knot<V> {
  /** To what comes first. */
  after: readonly Edge<V>[] = NONE;
  /** From what comes after this one. */
  readonly dependents: Set<Edge<V>> = new Set();
  /** Edges of `after` that are not met. */
  unmet = 0;
  /** Unmet edges that are late, down or barred: they may stay so for long. */
  late = 0;
  /** Unmet edges that go down or are down on purpose. */
  down = 0;
  /** Unmet edges that are barred. */
  barred = 0;
  /** Direct dependents that stop, or have such dependents themselves. */
  ahead = 0;
}

/** Node of the graph; one without edges has no knot. */
export interface Vertex<V> {
  knot: Knot<V> | undefined;
}

/** Where an edge leads, and how it stands. */
export type EdgeTarget<V> = Pick<Edge<V>, "to" | "condition" | "grade">;

/** Adds edges that lead from one vertex to others. */
export function link<V extends Vertex<V>>(from: V, targets: readonly EdgeTarget<V>[]): void {
  const knot = from.knot ??= new Knot();
  const edges = targets.map(({ to, condition, grade }): Edge<V> => ({ from, to, condition, grade }));
  knot.after = [...knot.after, ...edges];
  for (const edge of edges) {
    count(knot, edge.grade, 1);
    (edge.to.knot ??= new Knot()).dependents.add(edge);
  }
}

/** Takes all edges of one vertex to what it comes after away. */
export function unlink<V extends Vertex<V>>(from: V): void {
  const { knot } = from;
  if (knot === undefined) return;
  for (const edge of knot.after) edge.to.knot!.dependents.delete(edge);
  knot.after = NONE;
  knot.unmet =
    knot.late =
    knot.down =
    knot.barred =
      0;
}

/** Says how an edge stands by now. */
export function regrade<V extends Vertex<V>>(edge: Edge<V>, grade: Grade): void {
  const knot = edge.from.knot!;
  count(knot, edge.grade, -1);
  count(knot, grade, 1);
  edge.grade = grade;
}

function count<V>(knot: Knot<V>, grade: Grade, by: number): void {
  if (grade === Grade.Met) return;
  knot.unmet += by;
  if (grade === Grade.Late || grade === Grade.Down || grade === Grade.Barred) knot.late += by;
  if (grade === Grade.Going || grade === Grade.Down) knot.down += by;
  if (grade === Grade.Barred) knot.barred += by;
}

/** These vertices and all that come after them, at any distance, nearest first; only through those that `isWay` lets pass. */
export function withDependents<V extends Vertex<V>>(vertices: Iterable<V>, isWay: (vertex: V) => boolean = () => true): Set<V> {
  const all = new Set(vertices);
  for (const vertex of all) {
    if (isWay(vertex)) { for (const { from } of vertex.knot?.dependents ?? NONE) all.add(from); }
  }
  return all;
}

/** These vertices and all that they come after, at any distance, nearest first; only along edges and to vertices that `isWay` lets pass. */
export function withNeeds<V extends Vertex<V>>(vertices: Iterable<V>, isWay: (edge: Edge<V>) => boolean = () => true): Set<V> {
  const all = new Set(vertices);
  for (const vertex of all) {
    for (const edge of vertex.knot?.after ?? NONE) if (isWay(edge)) all.add(edge.to);
  }
  return all;
}
