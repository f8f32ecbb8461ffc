import { readCpuProfile } from "./cpu_profile.ts";

/** Endings of file names, with what a recording is turned into; any other file gets a `.cpuprofile`. */
const DRAWN = ".svg";
const PPROF = [".pb.gz", ".pprof"];

/** Program that opens a file of such a name. */
export function viewerOf(path: string): string {
  if (path.endsWith(DRAWN)) return "open it with a browser";
  if (PPROF.some((end) => path.endsWith(end))) return "look at it with `go tool pprof`";
  return "load it into Chrome's developer tools (Performance), or open it with VS Code";
}

/**
 * Turns the text of a `.cpuprofile` into what the name of a file asks for: a flame graph for `.svg`, pprof for `.pb.gz` or `.pprof`, the
 * text itself for any other name.
 *
 * @throws {ProfilingError} if it is no profile; the promise rejects with it.
 */
export async function cpuProfileAs(path: string, text: string, title: string): Promise<Uint8Array<ArrayBuffer>> {
  if (path.endsWith(DRAWN)) {
    const { flameGraph } = await import("./flame_graph.ts");
    return new TextEncoder().encode(flameGraph(readCpuProfile(text), { title }));
  }
  if (PPROF.some((end) => path.endsWith(end))) return await (await import("./pprof.ts")).pprofOf(readCpuProfile(text));
  return new TextEncoder().encode(text);
}
