import type { ControlHandler } from "../../src/control/mod.ts";
import { type Clock, systemClock } from "../../src/core/ports/clock.ts";
import { IoError } from "../../src/core/values/errors.ts";
import type { FileInfo, Files } from "../../src/core/ports/files.ts";
import type { Host } from "../../src/core/ports/host.ts";
import type { LockedFile, ProcessIdentity } from "../../src/core/ports/processes.ts";
import type { SignalName } from "../../src/core/values/signal_name.ts";
import { FakeSignals } from "../../src/testing/mod.ts";

type Node = { kind: FileInfo["kind"]; text: string; uid: number; mode: number };

/** A machine in memory with the few things that clients ask of it: files, processes that live, sockets with a handler behind them. */
export class FakeMachine {
  readonly nodes: Map<string, Node> = new Map();
  readonly readOnly: Set<string> = new Set();
  readonly links: Map<string, string> = new Map();
  readonly sockets: Map<string, ((request: Request) => Response | Promise<Response>) | "silent" | "stale"> = new Map();
  readonly alive: Set<number> = new Set();
  /** Signals that were sent, each with the number of its process. */
  readonly killed: string[] = [];
  readonly env: Record<string, string> = {};
  readonly held: Set<string> = new Set();
  /** Locks of others, wherever they are. */
  readonly lockedFiles: LockedFile[] = [];
  out = "";
  err = "";
  uid = 1000;
  pid = 100;
  bootId = "boot-1";
  terminalColumns: number | undefined;
  terminalRows = 24;
  isClosed = false;
  /** Whether the reader takes nothing. */
  isStalled = false;
  cwd = "/home/me";
  readonly signals: FakeSignals = new FakeSignals();
  readonly host: Host;

  constructor(clock: Clock = systemClock) {
    for (const folder of ["/", "/tmp", "/home/me", "/run", "/var/lib"]) this.folder(folder);
    const files = this.#files();
    const write = (fd: 1 | 2, text: string) => {
      if (this.isClosed) return false;
      if (fd === 1) this.out += text;
      else this.err += text;
      return true;
    };
    this.host = {
      runtime: "fake 1.0",
      clock,
      signals: this.signals,
      random: () => 0.5,
      files,
      env: { get: (name: string) => this.env[name], all: () => ({ ...this.env }), broken: () => [] },
      processes: this.#processes(),
      http: { request: (address: { unix: string }, path: string, init: RequestInit) => this.#request(address, path, init) },
      terminal: {
        isTerminal: () => this.terminalColumns !== undefined,
        columns: () => this.terminalColumns ?? 80,
        rows: () => this.terminalRows,
        write,
        post: write,
        canHangUp: () => false,
        keepWriting: () => ({ [Symbol.dispose]() {} }),
        room: () => undefined,
        isBusy: () => this.isStalled,
        flush: () => Promise.resolve(!this.isStalled),
      },
      ownProcess: { claim: () => ({ [Symbol.dispose]() {} }), cwd: () => this.cwd, command: ["/usr/bin/runtime", "/srv/app.ts"], args: [] },
    } as unknown as Host;
  }

  folder(path: string, uid: number = this.uid): void {
    const parts = path.split("/").filter((part) => part !== "");
    for (let count = 0; count <= parts.length; count++) {
      const at = `/${parts.slice(0, count).join("/")}`;
      if (!this.nodes.has(at)) this.nodes.set(at, { kind: "directory", text: "", uid, mode: 0o700 });
    }
  }

  file(path: string, text: string, kind: FileInfo["kind"] = "file"): void {
    this.folder(path.slice(0, path.lastIndexOf("/")) || "/");
    this.nodes.set(path, { kind, text, uid: this.uid, mode: 0o600 });
  }

  /** Puts a daemon where clients look: a socket with a handler and a lock record. */
  daemon(folder: string, handler: ControlHandler | "silent" | "stale", pid: number = 77): void {
    this.file(`${folder}/admin.sock`, "", "socket");
    this.sockets.set(`${folder}/admin.sock`, handler);
    this.file(`${folder}/lock`, JSON.stringify({ pid, startTicks: pid * 10, bootId: this.bootId, version: "0.1.0", protocol: 1 }));
    if (handler !== "stale") this.alive.add(pid);
  }

  text(path: string): string | undefined {
    return this.nodes.get(path)?.text;
  }

  #node(path: string): Node {
    const node = this.nodes.get(this.links.get(path) ?? path);
    if (node === undefined) throw new IoError("IO_NOT_FOUND", `Cannot find ${path}`);
    return node;
  }

  /** The same for as long as the path is there. */
  #inodeOf(path: string): number {
    return [...this.nodes.keys()].indexOf(path) + 1;
  }

  #checkWritable(path: string): void {
    for (const root of this.readOnly) if (path.startsWith(root)) throw new IoError("IO_DENIED", `Cannot write ${path}: read-only`);
  }

  #files(): Files {
    return {
      tempDir: "/tmp",
      readText: (path: string) => this.#node(path).text,
      read: async (path: string) => {
        const bytes = new TextEncoder().encode(await Promise.try(() => this.#node(path).text));
        return { bytes, info: this.host.files.info(path)! };
      },
      writeText: (path: string, text: string) => {
        this.#checkWritable(path);
        this.file(path, text);
      },
      makeDir: (path: string) => {
        if (this.nodes.has(path)) return;
        this.#checkWritable(path);
        this.folder(path);
      },
      remove: (path: string) => void this.nodes.delete(path),
      info: (path: string) => {
        const node = this.nodes.get(this.links.get(path) ?? path);
        return node &&
          { kind: node.kind, size: node.text.length, mode: node.mode, uid: node.uid, mtimeMs: 1_000_000, inode: this.#inodeOf(path) };
      },
      list: (path: string) => {
        this.#node(path);
        return [...this.nodes.keys()].filter((each) => each.startsWith(`${path}/`) && !each.slice(path.length + 1).includes("/"))
          .map((each) => each.slice(path.length + 1)).sort();
      },
      realPath: (path: string) => this.links.get(path) ?? path,
      whyUntrusted: () => undefined,
      openAppend: (path: string) => {
        this.#checkWritable(path);
        this.file(path, this.nodes.get(path)?.text ?? "");
        return { size: 0, write: () => {}, [Symbol.dispose]: () => {} };
      },
      lock: (path: string) => {
        if (this.held.has(path)) return Promise.resolve(undefined);
        this.held.add(path);
        if (!this.nodes.has(path)) this.file(path, "");
        return Promise.resolve({
          inode: this.#inodeOf(path),
          write: (text: string) => this.file(path, text),
          [Symbol.dispose]: () => void this.held.delete(path),
        });
      },
    } as unknown as Files;
  }

  #processes(): Host["processes"] {
    const identity = (pid: number): ProcessIdentity => ({ pid, startTicks: pid * 10, bootId: this.bootId });
    const uid = () => this.uid;
    return {
      self: () => identity(this.pid),
      get uid() {
        return uid();
      },
      signal: (pid: number, signal: SignalName) => this.killed.push(`${signal} ${pid}`) > 0,
      findByEnv: () => [],
      census: () => [],
      lockedFiles: (name: string) => this.lockedFiles.filter(({ path }) => path.endsWith(`/${name}`)),
      user: (uid: number) => {
        throw new IoError("SPAWN_BAD_USER", `Cannot find user ${uid}`);
      },
      belonging: () => new Map(),
      identify: (pid: number) => this.alive.has(pid) ? identity(pid) : undefined,
      isAlive: (other: ProcessIdentity) => this.alive.has(other.pid) && other.startTicks === other.pid * 10 && other.bootId === this.bootId,
    } as unknown as Host["processes"];
  }

  async #request(address: { unix: string }, path: string, init: RequestInit): Promise<Response> {
    const handler = this.sockets.get(address.unix);
    if (handler === undefined) throw new IoError("IO_NOT_FOUND", `Cannot connect as there is no ${address.unix}`);
    if (handler === "stale") throw new IoError("IO_REFUSED", `Cannot connect to ${address.unix}: refused`);
    const { signal } = init;
    if (handler !== "silent") return await handler(new Request(`http://localhost${path}`, init));
    return await new Promise((_resolve, reject) => signal!.addEventListener("abort", () => reject(signal!.reason), { once: true }));
  }
}
