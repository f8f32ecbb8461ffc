import { IoError } from "../core/values/errors.ts";
import { FrameReader } from "../core/wire/frames.ts";
import type { Connection, IpcServer } from "../core/ports/ipc.ts";
import type { Host } from "../core/ports/host.ts";
import { MODULE_PROTOCOL, type ModuleMessage } from "../core/wire/module_protocol.ts";
import type { MeasurementIntake } from "../core/wire/metrics_delta.ts";
import type { ModuleLink } from "./module_link.ts";

/** A module must name itself within this time after it connects. */
const HELLO_TIMEOUT_MS = 10_000;

/** Dependencies of {@linkcode ModuleHub}. */
export interface ModuleHubOptions {
  /** The machine. */
  host: Pick<Host, "ipc" | "clock" | "secret">;
  /** Path of the socket. */
  socket: string;
  /** Takes what modules measure. @default nobody does */
  measurements?: MeasurementIntake;
}

/**
 * Waits for the processes of modules that this daemon has started, and brings each together with the link of its run, by a token that is
 * good for one connection. The socket is opened for the first one.
 */
export class ModuleHub implements Disposable {
  /** Path of the socket. */
  readonly socket: string;
  /** Takes what modules measure. */
  readonly measurements: MeasurementIntake | undefined;
  readonly #options: ModuleHubOptions;
  readonly #expected = new Map<string, ModuleLink>();
  readonly #connections = new Set<Connection>();
  #listening: Promise<IpcServer> | undefined;

  /** Creates it; nothing is opened. */
  constructor(options: ModuleHubOptions) {
    this.#options = options;
    this.socket = options.socket;
    this.measurements = options.measurements;
  }

  /** Expects the process of a link until the result is disposed; its token is what the process has to show. */
  expect(link: ModuleLink): Disposable & { token: string } {
    const token = this.#options.host.secret();
    this.#expected.set(token, link);
    return { token, [Symbol.dispose]: () => void this.#expected.delete(token) };
  }

  /** Resolves when processes can connect; a failure is tried again by the next who asks. */
  async open(): Promise<void> {
    const { ipc } = this.#options.host;
    // Somebody may have removed the file; who is connected stays so.
    const server = await this.#listening?.catch(() => undefined);
    if (server?.hasFile() === false) {
      server[Symbol.dispose]();
      this.#listening = undefined;
    }
    this.#listening ??= ipc.listen(this.socket, (connection) => void this.#serve(connection));
    try {
      await this.#listening;
    } catch (error) {
      this.#listening = undefined;
      throw error;
    }
  }

  /** Closes the socket and all connections. */
  [Symbol.dispose](): void {
    void this.#listening?.then((server) => server[Symbol.dispose](), () => {/* it was never open */});
    for (const connection of this.#connections) connection[Symbol.dispose]();
  }

  async #serve(connection: Connection): Promise<void> {
    let link: ModuleLink | undefined;
    using _connection = connection;
    using _timer = this.#options.host.clock.schedule(HELLO_TIMEOUT_MS, () => link === undefined && connection[Symbol.dispose]());
    this.#connections.add(connection);
    const reader = new FrameReader((value) => {
      if (link !== undefined) return link.take(value);
      link = this.#admit(value);
      link.connected(connection);
    });
    let failure: unknown;
    try {
      for (let bytes = await connection.read(); bytes !== undefined; bytes = await connection.read()) reader.push(bytes);
    } catch (error) {
      // Garbage and a connection that broke end this connection; whoever is not known is nobody's business.
      failure = error;
    } finally {
      this.#connections.delete(connection);
      link?.disconnected(failure);
    }
  }

  #admit(value: unknown): ModuleLink {
    const { type, token, protocol } = (value ?? {}) as Partial<Extract<ModuleMessage, { type: "hello" }>>;
    const link = type === "hello" && typeof token === "string" ? this.#expected.get(token) : undefined;
    if (link === undefined) throw new IoError("IPC_PROTOCOL", "Cannot talk to a process that shows no token of this daemon");
    this.#expected.delete(token!);
    if (protocol !== MODULE_PROTOCOL) {
      link.fail({
        name: "IoError",
        code: "IPC_PROTOCOL",
        message: `its protocol must be ${MODULE_PROTOCOL}: current value is ${protocol}; the program was replaced, restart the daemon`,
      });
      throw new IoError("IPC_PROTOCOL", "Cannot talk to a module of another version");
    }
    return link;
  }
}
