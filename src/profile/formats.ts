import { readCpuProfile } from "./cpu_profile.ts";

/** A kind of file that a profile may become. */
export interface ProfileFormat {
  /** Ends of the names of such files. */
  readonly ends: readonly string[];
  /** Advice how to look at one. */
  readonly viewer: string;
  /**
   * Makes it out of the text of a `.cpuprofile`; undefined where that text is the file.
   *
   * @throws {ProfilingError} if it is no profile; the promise rejects with it.
   */
  readonly convert?: (text: string, title: string) => Promise<Uint8Array<ArrayBuffer>>;
}

const CONVERTED: readonly ProfileFormat[] = [
  {
    ends: [".svg"],
    viewer: "open it with a browser",
    convert: async (text, title) => {
      const { flameGraph } = await import("./flame_graph.ts");
      return new TextEncoder().encode(flameGraph(readCpuProfile(text), { title }));
    },
  },
  {
    ends: [".pb.gz", ".pprof"],
    viewer: "look at it with `go tool pprof`",
    convert: async (text) => await (await import("./pprof.ts")).pprofOf(readCpuProfile(text)),
  },
];
const PLAIN: ProfileFormat = {
  ends: [".cpuprofile"],
  viewer: "load it into Chrome's developer tools (Performance), or open it with VS Code",
};

/** The format that the name of a file asks for: a flame graph, pprof, or for any other name a `.cpuprofile`. */
export function cpuFormatOf(path: string): ProfileFormat {
  return CONVERTED.find(({ ends }) => ends.some((end) => path.endsWith(end))) ?? PLAIN;
}

/** Turns the text of a `.cpuprofile` into what the name of a file asks for. */
export async function cpuProfileAs(path: string, text: string, title: string): Promise<Uint8Array<ArrayBuffer>> {
  return await cpuFormatOf(path).convert?.(text, title) ?? new TextEncoder().encode(text);
}
