import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CancelToken, stopReason } from "../../src/core/supervise/cancel.ts";
import type { Host } from "../../src/core/ports/host.ts";
import type { LineBlock } from "../../src/core/wire/line_block.ts";
import { type LogFields, silentLogger } from "../../src/core/ports/log.ts";
import type { LogLine } from "../../src/core/wire/line_block.ts";
import { RunContext } from "../../src/core/supervise/run_context.ts";
import { serviceSpec } from "../../src/service/make_spec.ts";
import type { ServiceOptions } from "../../src/service/options.ts";
import type { LogPort } from "../../src/core/wire/unit_output.ts";
import { ModuleHub, Neighbours, type Service, serviceSubsystems, UNIT_VARIABLE } from "../../src/service/mod.ts";

/** A folder of its own that is gone at the end of the block. */
export function tempDir(): Disposable & { path: string } {
  const path = mkdtempSync(join(tmpdir(), "daemonkit-service-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** Keeps nothing. */
export const nowhere: LogPort = { open() {}, close() {}, keep() {}, publish() {}, maxLineBytes: () => 65_536, room: () => undefined };

/** One run of a service outside of any supervisor, with what it said and did. */
export class Drive implements Disposable {
  readonly service: Service;
  readonly token: CancelToken = new CancelToken();
  readonly lines: Omit<LogLine, "seq">[] = [];
  readonly warnings: { message: string; fields?: LogFields }[] = [];
  /** Settles like the run. */
  readonly done: Promise<void>;
  /** Resolves when the run says that it is ready. */
  readonly ready: Promise<void>;
  isReady = false;
  readonly #host: Host;
  readonly #neighbours: Neighbours;
  readonly #daemonId: string;
  readonly #waiters = new Set<() => void>();

  constructor(host: Host, options: ServiceOptions, given: { baseDir?: string; onLine?: (text: string) => void; daemonId?: string } = {}) {
    const { baseDir = host.files.tempDir, onLine, daemonId = crypto.randomUUID() } = given;
    this.#host = host;
    this.#daemonId = daemonId;
    this.#neighbours = new Neighbours(host);
    const publish = ({ time, name, stream, text }: LineBlock) => {
      const texts = text.split("\n");
      if (onLine !== undefined) return texts.forEach(onLine);
      this.lines.push(...texts.map((text) => ({ time, name, stream, text })));
      this.#waiters.forEach((check) => check());
    };
    [this.service] = serviceSubsystems(serviceSpec("api", options, baseDir), {
      host,
      logs: { ...nowhere, publish },
      daemonId,
      neighbours: this.#neighbours,
      modules: modulesOf(host),
    });
    const becameReady = Promise.withResolvers<void>();
    this.ready = becameReady.promise;
    const context = new RunContext(
      this.token,
      {
        program: undefined,
        path: this.service.name,
        clock: host.clock,
        log: { ...silentLogger, warn: (message, fields) => void this.warnings.push({ message, fields }) },
        drain: undefined,
        random: () => 0.5,
        onListenerError: (error) => {
          throw error;
        },
        stopAskedMs: undefined,
        timeRemaining: () => undefined,
        requestShutdown: () => {},
        stop: () => {},
        add: () => {
          throw new Error("a service adds nothing");
        },
        ending: () => {},
        late: () => {},
        ready: () => {
          this.isReady = true;
          becameReady.resolve();
        },
      },
      1,
      0,
    );
    this.done = this.service.run(context);
    this.done.catch(() => {});
  }

  /** Texts of the lines so far. */
  get texts(): string[] {
    return this.lines.map(({ text }) => text);
  }

  /** Likewise, without what the shell says on stderr about ends by signals. */
  get stdout(): string[] {
    return this.lines.filter(({ stream }) => stream === "stdout").map(({ text }) => text);
  }

  /** Resolves when a line with this text was printed. */
  printed(text: string): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (!this.texts.includes(text)) return;
        this.#waiters.delete(check);
        resolve();
      };
      this.#waiters.add(check);
      check();
    });
  }

  /** Asks for a stop, as a supervisor does, and waits for the end. */
  async stop(): Promise<void> {
    this.token.cancel(stopReason("the test is over"));
    await this.done;
  }

  /** Ends what outlived the run, on purpose or because a test failed. */
  [Symbol.dispose](): void {
    this.#neighbours[Symbol.dispose]();
    for (const pid of this.leftovers()) this.#host.processes.signal(pid, "SIGKILL");
  }

  /** Processes that carry the mark of this service and still live. */
  leftovers(): number[] {
    return leftovers(this.#host, this.#daemonId);
  }
}

/** Living processes that carry the mark of this daemon. */
export function leftovers(host: Host, daemonId: string): number[] {
  return host.processes.findByEnv(UNIT_VARIABLE).filter(({ value }) => value.startsWith(`${daemonId}/`)).map(({ identity }) =>
    identity.pid
  );
}

/** The place where modules would report, in tests that have none. */
export function modulesOf(host: Host): ModuleHub {
  return new ModuleHub({ host, socket: `${host.files.tempDir}/no-module` });
}

/** A host that differs from another in how it starts programs. */
export function withSpawn(host: Host, spawn: Host["processes"]["spawn"]): Host {
  return { ...host, processes: Object.assign(Object.create(host.processes), { spawn }) };
}
