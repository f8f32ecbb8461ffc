/** The part of the `Bun` global that we use. Its full types would hide the web types that all other code is written against. */
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
  listen<T>(options: BunListenOptions<T>): BunListener;
  /** Takes part in how modules are found. */
  plugin(plugin: { name: string; setup(build: BunPluginBuilder): void }): void;
}

/** Builder that Bun hands to a plugin. */
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

/** Options of `Bun.listen`. */
export interface BunListenOptions<T> {
  unix?: string;
  hostname?: string;
  port?: number;
  /** Whether one side may go on when the other has ended. */
  allowHalfOpen: boolean;
  socket: {
    binaryType: "uint8array";
    open(socket: BunSocket<T>): void;
    data(socket: BunSocket<T>, bytes: Uint8Array): void;
    drain(socket: BunSocket<T>): void;
    end(socket: BunSocket<T>): void;
    close(socket: BunSocket<T>): void;
    error(socket: BunSocket<T>): void;
  };
}

/** A connection of `Bun.listen`. */
export interface BunSocket<T> {
  /** Data that we attach to the connection. */
  data: T;
  /** Hands bytes to the system; answers how many it took, -1 when the other side has gone. */
  write(bytes: Uint8Array): number;
  pause(): void;
  resume(): void;
  /** Ends this side. */
  shutdown(): void;
  /** Ends both sides. */
  end(): void;
  setNoDelay(on: boolean): void;
}

/** Result of `Bun.listen`. */
export interface BunListener {
  readonly port: number;
  stop(closeActiveConnections?: boolean): void;
}

/** Additions of Bun to the options of `fetch`. */
export interface BunFetchInit extends RequestInit {
  unix?: string;
  proxy?: false;
  timeout?: false;
}

/** The `Bun` global; undefined elsewhere, so that only files for Bun may import this one. */
export const bun: BunGlobal = (globalThis as unknown as { Bun: BunGlobal }).Bun;
