import { MAX_PROFILE_SECONDS } from "../../core/ports/profiler.ts";
import { json, route } from "../../core/wire/route.ts";
import { shape } from "../../core/wire/shape.ts";

const { anything, integer, map, optional } = shape;

const FILE = map(anything(), "A file for a debugger.");

/** Routes by which a daemon profiles itself. */
export const PROFILE_ROUTES = {
  cpu: route({
    method: "POST",
    path: "/v1/profile/cpu",
    group: "profile",
    access: "control",
    summary: "Records where the daemon's own time goes.",
    query: { seconds: optional(integer("How long to record: 10 unless it says so.", { min: 1, max: MAX_PROFILE_SECONDS })) },
    answers: [json(FILE, "A `.cpuprofile`, as a stream.")],
    problems: { 409: ["RUNTIME_STATE"], 500: ["PROFILING_FAILED"] },
    example: { path: "/v1/profile/cpu?seconds=5", answer: { nodes: [], startTime: 0, endTime: 0, samples: [], timeDeltas: [] } },
  }),
  heap: route({
    method: "POST",
    path: "/v1/profile/heap",
    group: "profile",
    access: "control",
    summary: "Takes a picture of the daemon's memory.",
    answers: [json(FILE, "A `.heapsnapshot`, as a stream.")],
    problems: { 409: ["RUNTIME_STATE"], 500: ["PROFILING_FAILED"] },
    example: { path: "/v1/profile/heap", answer: { snapshot: {}, nodes: [], edges: [], strings: [] } },
  }),
};
