/** What is used of the `Bun` global. Its full types would hide the web types that all other code is written against. */
export interface BunGlobal {
  /** Version of Bun. */
  readonly version: string;
  /** Absolute path of the entry file; inside the executable's own file system when compiled. */
  readonly main: string;
  /** Starts a program before it returns. */
  spawn(argv: readonly string[], options: BunSpawnOptions): BunChild;
  /** A file by descriptor. */
  file(fd: number): { stream(): ReadableStream<Uint8Array> };
  /** Listens before it returns. */
  serve(options: BunServeOptions): BunServer;
  /** Takes part in how modules are found. */
  plugin(plugin: { name: string; setup(build: BunPluginBuilder): void }): void;
}

/** What a plugin of Bun works with. */
export interface BunPluginBuilder {
  /** Answers imports of a name. */
  module(name: string, load: () => Promise<{ exports: Readonly<Record<string, unknown>>; loader: "object" }>): void;
}

/** Options of `Bun.spawn`. */
export interface BunSpawnOptions {
  cwd: string;
  env: Readonly<Record<string, string>>;
  uid?: number;
  gid?: number;
  /** Leader of its own session. */
  detached: true;
  stdin: "ignore";
  /** Descriptor that becomes the child's. */
  stdout: number | "ignore";
  stderr: number | "ignore";
}

/** A child of `Bun.spawn`. */
export interface BunChild {
  readonly pid: number;
  readonly exited: Promise<number>;
  readonly exitCode: number | null;
  /** A name, or a number where Bun has none. */
  readonly signalCode: string | number | null;
  /** Lets this process end before it. */
  unref(): void;
}

/** Options of `Bun.serve`. */
export interface BunServeOptions {
  unix?: string;
  hostname?: string;
  port?: number;
  /** Seconds, 0 for never. */
  idleTimeout: number;
  fetch: (request: Request) => Response | Promise<Response>;
}

/** A server of `Bun.serve`. */
export interface BunServer {
  readonly hostname?: string;
  readonly port?: number;
  stop(closeActiveConnections?: boolean): Promise<void>;
}

/** Additions of Bun to the options of `fetch`. */
export interface BunFetchInit extends RequestInit {
  unix?: string;
  proxy?: false;
  timeout?: false;
}

/** The `Bun` global; undefined elsewhere, so that only files for Bun may import this one. */
export const bun: BunGlobal = (globalThis as unknown as { Bun: BunGlobal }).Bun;
