import { messageOf, ProfilingError } from "../core/values/errors.ts";

/** A function on a stack. */
export interface Frame {
  /** Its name; `(anonymous)` where it has none, and a name in parentheses for what is no function, such as `(garbage collector)`. */
  name: string;
  /** File that it stands in, empty for what the runtime brings along. */
  file: string;
  /** Its first line there, from 1; 0 where that is not known. */
  line: number;
}

/** A place in the tree of calls. */
export interface CallNode {
  /** The function. */
  frame: Frame;
  /** Microseconds that were spent in it, without those it has called. */
  selfUs: number;
  /** Microseconds that were spent in it and in all that it has called. */
  totalUs: number;
  /** How often it was seen on top of the stack. */
  samples: number;
  /** Place of the function that has called it; undefined for the root. */
  parent: CallNode | undefined;
  /** Places of the functions that it has called. */
  children: CallNode[];
}

/** A recording of where the time went. */
export interface CpuProfile {
  /** Root of the tree of calls, which is no function. */
  root: CallNode;
  /** Microseconds from the begin of the recording to its end. */
  durationUs: number;
  /** Microseconds since the Unix epoch or the boot at which it began, as the runtime tells. */
  startUs: number;
}

/** The parts of a `.cpuprofile` that are read; source: https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#type-Profile. */
interface ProfileText {
  nodes: {
    id: number;
    callFrame: { functionName: string; url: string; lineNumber: number };
    children?: number[];
    parent?: number;
  }[];
  startTime: number;
  endTime: number;
  samples?: number[];
  timeDeltas?: number[];
}

/** Names by which runtimes call the time in which nothing ran. */
const IDLE = new Set(["(idle)", "(program)"]);

/**
 * Reads the text of a `.cpuprofile`. Time in which nothing ran is left out of the tree.
 *
 * @throws {ProfilingError} if it is none.
 */
export function readCpuProfile(text: string): CpuProfile {
  const profile = parse(text);
  const nodes = new Map(profile.nodes.map(({ id, callFrame }): [number, CallNode] => [
    id,
    { frame: frameOf(callFrame), selfUs: 0, totalUs: 0, samples: 0, parent: undefined, children: [] },
  ]));
  const parents = new Map<number, number>();
  for (const { id, parent, children = [] } of profile.nodes) {
    if (parent !== undefined) parents.set(id, parent);
    for (const child of children) parents.set(child, id);
  }
  for (const [child, parent] of parents) {
    const [from, to] = [nodes.get(parent), nodes.get(child)];
    if (from === undefined || to === undefined) continue;
    from.children.push(to);
    to.parent = from;
  }
  const { samples = [], timeDeltas = [] } = profile;
  samples.forEach((id, index) => {
    const node = nodes.get(id);
    if (node === undefined || IDLE.has(node.frame.name)) return;
    node.samples++;
    // A clock that was set back between two samples gives a delta below 0.
    node.selfUs += Math.max(0, timeDeltas[index] ?? 0);
  });
  const root = nodes.get(profile.nodes.find(({ id }) => !parents.has(id))?.id ?? NaN);
  if (root === undefined) throw noProfile("it has no root");
  sumUp(root);
  return { root, durationUs: profile.endTime - profile.startTime, startUs: profile.startTime };
}

/** All places of a tree of calls, each before those below it. */
export function placesOf(root: CallNode): CallNode[] {
  const places = [root];
  // A list is walked to its end also while it grows; a recursion would end at stacks that are thousands deep.
  for (const place of places) places.push(...place.children);
  return places;
}

function parse(text: string): ProfileText {
  let value: Partial<ProfileText> | null;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw noProfile(messageOf(cause));
  }
  const { nodes, startTime, endTime } = value ?? {};
  if (!Array.isArray(nodes) || typeof startTime !== "number" || typeof endTime !== "number") {
    throw noProfile('it lacks "nodes", "startTime" or "endTime"');
  }
  const bad = nodes.find((node) => typeof node?.id !== "number" || typeof node.callFrame?.functionName !== "string");
  if (bad !== undefined) throw noProfile(`a node has no number or no function: ${JSON.stringify(bad).slice(0, 100)}`);
  return value as ProfileText;
}

function frameOf({ functionName, url, lineNumber }: ProfileText["nodes"][number]["callFrame"]): Frame {
  const line = typeof lineNumber === "number" && lineNumber >= 0 ? lineNumber + 1 : 0;
  return { name: functionName === "" ? "(anonymous)" : functionName, file: typeof url === "string" ? url : "", line };
}

/** Sums the times of a tree, from its leaves up. */
function sumUp(root: CallNode): void {
  for (const place of placesOf(root).reverse()) {
    place.totalUs = place.children.reduce((sum, child) => sum + child.totalUs, place.selfUs);
  }
}

function noProfile(reason: string): ProfilingError {
  return new ProfilingError("PROFILING_FAILED", `Cannot read the profile as ${reason}`);
}
