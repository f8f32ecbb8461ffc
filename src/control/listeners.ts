import { ConfigError, DaemonError, IoError, isDaemonError, messageOf } from "../core/values/errors.ts";
import type { Address, HttpServer } from "../core/ports/http.ts";
import type { Host } from "../core/ports/host.ts";
import type { Logger } from "../core/ports/log.ts";
import { folderOf, shellWord } from "../core/values/paths.ts";
import type { Context, Subsystem } from "../core/supervise/subsystem.ts";
import type { SubsystemSpec } from "../core/supervise/spec.ts";
import { type Access, hashOf } from "./access.ts";
import { type ControlHandler, controlHandler, type ControlOptions } from "./handler.ts";
import { ProfileTurn } from "./profile_turn.ts";
import { ADMIN, type ListenerSpec } from "./spec.ts";
import { addressText } from "../core/wire/address.ts";
import { readToken } from "./token.ts";

/** Options of {@linkcode Listeners}. */
export interface ListenersOptions {
  /** Serves, and reads the files of tokens. */
  host: Pick<Host, "http" | "clock" | "files" | "processes">;
  /** Path of the control socket. */
  socket: string;
  /** Listeners to open at the start. */
  specs: readonly ListenerSpec[];
  /** Options of the handler that all listeners share. */
  control: Omit<ControlOptions, "access" | "clock" | "log">;
  /** Told of what is opened and closed, and of failures. */
  log: Logger;
}

/** A listener that is open. */
interface OpenListener {
  access: Access;
  readonly server: HttpServer;
  readonly handler: ControlHandler;
}

/** A listener that is to be. */
interface Wanted {
  readonly key: string;
  readonly access: Access;
}

/** Connections beyond `max_clients`: health is answered whatever else goes on, and asked for over connections that are kept. */
const CONNECTIONS_FOR_HEALTH = 32;
/** Time that requests under way have after the streams were ended. */
const GRACE_MS = 1_000;

/**
 * Everything that a daemon listens on, as one subsystem: opened together, closed together, and changed by a reload as a whole.
 *
 * - A listener is kept as long as its address is wanted: only its rules change, and its open streams go on. They are ended when
 *   it no longer allows control, or another token is asked for.
 * - A change that can't be carried out as a whole changes nothing.
 * - Stopping ends open streams first, as a server would wait for them for ever, then lets answers under way go out for a second.
 */
export class Listeners implements Subsystem {
  readonly name = "listeners";
  readonly spec: SubsystemSpec = { readiness: "manual", stopLast: true, essential: true };
  readonly #options: ListenersOptions;
  #specs: readonly ListenerSpec[];
  readonly #profileTurn = new ProfileTurn();
  /** By address. */
  #open = new Map<string, OpenListener>();
  #isUp = false;
  /** Changes come one after another. */
  #last: Promise<unknown> = Promise.resolve();
  /** Listeners whose socket file was removed and that others replaced; their connections stay open. */
  #orphans: OpenListener[] = [];
  /** The closing of old listeners: the request for it may be on one of them, so it does not wait for them. The next change does. */
  #closing: Promise<unknown> = Promise.resolve();

  /** Creates them; nothing is opened yet. */
  constructor(options: ListenersOptions) {
    this.#options = options;
    this.#specs = options.specs;
  }

  /** Where each listens, what it allows and how many clients it has. */
  details(): Readonly<Record<string, unknown>> {
    return Object.fromEntries(
      [...this.#open.values()].map(({ access: { name, allow }, server, handler }) => {
        return [name, { address: addressText(server.address), allow, clients: handler.clients }];
      }),
    );
  }

  /** Opens all, and closes them when told to stop. */
  async run(context: Context): Promise<void> {
    await this.#serially(() => this.#change(this.#specs));
    this.#isUp = true;
    context.ready();
    await context.cancelled();
    this.#isUp = false;
    const grace = new AbortController();
    using _forced = context.onForce(() => grace.abort());
    await this.#serially(async () => {
      const all = [...this.#open.values(), ...this.#orphans];
      this.#open = new Map();
      this.#orphans = [];
      await Promise.all(all.map((each) => this.#close(each, grace)));
    });
  }

  /**
   * Opens, closes and changes listeners so that they are as `specs` say.
   *
   * @throws {DaemonError} if one can't be opened, or the file of a token can't be read; nothing has changed then. `RUNTIME_STATE` while they
   * are not open.
   */
  async apply(specs: readonly ListenerSpec[]): Promise<void> {
    await this.#serially(async () => {
      if (!this.#isUp) throw new DaemonError("RUNTIME_STATE", "Cannot change the listeners as they are not open");
      await this.#change(specs);
      this.#specs = specs;
    });
  }

  /**
   * Reads the files of tokens again: what they hold may have changed.
   *
   * @throws {DaemonError} as {@linkcode Listeners.apply} does; the old tokens stay then.
   */
  async refresh(): Promise<void> {
    await this.apply(this.#specs);
  }

  /**
   * Opens the sockets anew whose files somebody has removed or replaced; resolves with whether there were any. Open connections stay.
   *
   * @throws {DaemonError} if one can't be opened.
   */
  async restore(): Promise<boolean> {
    if (!this.#isUp || [...this.#open.values()].every(({ server }) => server.hasFile())) return false;
    await this.#serially(async () => {
      if (!this.#isUp) return;
      for (const [key, lost] of this.#open) {
        if (lost.server.hasFile()) continue;
        this.#open.set(key, await this.#listen(lost.access));
        this.#orphans.push(lost);
      }
    });
    return true;
  }

  async #serially(fn: () => Promise<void>): Promise<void> {
    const turn = this.#last.then(async () => {
      await this.#closing.catch(() => {/* logged */});
      await fn();
    });
    this.#last = turn.catch(() => {/* told to who asked for it */});
    await turn;
  }

  async #change(specs: readonly ListenerSpec[]): Promise<void> {
    // First refuse whatever can be refused without touching anything.
    const wanted = await Promise.all(specs.map((spec) => this.#wanted(spec)));
    const keys = new Set(wanted.map(({ key }) => key));
    const twin = wanted.find(({ key }, index) => wanted.findIndex((each) => each.key === key) !== index);
    if (twin !== undefined) {
      throw this.#cannotOpen(twin.access, new IoError("IO_ADDRESS_IN_USE", `another listener has ${addressText(twin.access.address)}`));
    }
    const leaving = [...this.#open].filter(([key]) => !keys.has(key)).map(([, each]) => each);
    // Their rules are those of before, so they end with them.
    leaving.push(...this.#orphans.splice(0));

    // Open what is new; who leaves makes room for it only where both can't be there at once.
    const opened = new Map<string, OpenListener>();
    const closed: OpenListener[] = [];
    try {
      for (const { key, access } of wanted) {
        if (!this.#open.has(key)) opened.set(key, await this.#serve(access, leaving, closed));
      }
    } catch (error) {
      await Promise.all([...opened.values()].map((each) => this.#close(each)));
      for (const each of closed) await this.#reopen(each);
      throw error;
    }

    // From here on nothing can fail.
    const next = new Map<string, OpenListener>();
    for (const { key, access } of wanted) {
      const kept = this.#open.get(key);
      next.set(key, kept ?? opened.get(key)!);
      if (kept === undefined) continue;
      const isSame = isSameToken(kept.access, access);
      kept.access = access;
      if (!isSame) {
        const token = access.tokenHash === undefined ? "no token any more" : "a new token";
        this.#options.log.info(`control asks for ${token}`, { listener: access.name });
      }
      if (!isSame || !access.allow.includes("control")) kept.handler.streams.end();
    }
    this.#open = next;
    this.#closing = Promise.all(leaving.filter((each) => !closed.includes(each)).map((each) => this.#close(each)));
    this.#closing.catch((error) => this.#options.log.error("a listener was not closed as it should be", { err: error }));
  }

  async #wanted(spec: ListenerSpec): Promise<Wanted> {
    const { name, allow, mode, group, maxBodyBytes, maxClients, address = { unix: this.#options.socket } } = spec;
    const token = await this.#readToken(spec);
    const tokenHash = token === undefined ? undefined : await hashOf(token);
    // Port 0 is another one each time, so its name is all that tells it.
    const key = "port" in address && address.port === 0 ? `${addressText(address)} ${name}` : addressText(address);
    return {
      // With other permissions it is another socket.
      key: mode === undefined && group === undefined ? key : `${key} ${mode ?? ""} ${group ?? ""}`,
      access: { name, address, allow, mode, group, maxBodyBytes, maxClients, tokenHash },
    };
  }

  async #readToken({ name, tokenFile }: ListenerSpec): Promise<string | undefined> {
    if (tokenFile === undefined) return undefined;
    const { host: { files }, log } = this.#options;
    const read = await readToken(tokenFile, files);
    if ("problem" in read) {
      const hint = read.hint === undefined ? "" : `; ${read.hint}`;
      throw new ConfigError("CONFIG_INVALID", `Cannot open the listener ${name} as ${read.problem}${hint}`);
    }
    const { token, info } = read;
    if ((info.mode & 0o077) !== 0) {
      log.warn("others can read the token of a listener", {
        listener: name,
        file: tokenFile,
        mode: (info.mode & 0o777).toString(8),
        hint: `chmod 600 ${shellWord(tokenFile)}`,
      });
    }
    return token;
  }

  async #serve(access: Access, leaving: readonly OpenListener[], closed: OpenListener[]): Promise<OpenListener> {
    try {
      return await this.#listen(access);
    } catch (error) {
      const inTheWay = leaving.filter((each) => !closed.includes(each) && isSamePlace(each.server.address, access.address));
      if (!isDaemonError(error) || error.code !== "IO_ADDRESS_IN_USE" || inTheWay.length === 0) throw this.#cannotOpen(access, error);
      closed.push(...inTheWay);
      await Promise.all(inTheWay.map((each) => this.#close(each)));
      try {
        return await this.#listen(access);
      } catch (again) {
        throw this.#cannotOpen(access, again);
      }
    }
  }

  async #listen(access: Access): Promise<OpenListener> {
    const { host: { http, clock, files, processes }, control, log } = this.#options;
    if ("unix" in access.address) files.makeDir(folderOf(access.address.unix));
    let open: OpenListener | undefined = undefined;
    const handler = controlHandler({ ...control, profileTurn: this.#profileTurn, log, clock, access: () => open?.access ?? access });
    const server = await http.serve(access.address, handler, {
      maxConnections: () => (open?.access ?? access).maxClients + CONNECTIONS_FOR_HEALTH,
      ...(access.mode === undefined ? {} : { mode: access.mode }),
      ...(access.group === undefined ? {} : { gid: processes.group(access.group) }),
    });
    open = { access, server, handler };
    this.#say("listening", open);
    return open;
  }

  async #reopen(closed: OpenListener): Promise<void> {
    try {
      // Where it really was: port 0 would be another one.
      const again = await this.#listen({ ...closed.access, address: closed.server.address });
      for (const [key, each] of this.#open) if (each === closed) this.#open.set(key, again);
    } catch (error) {
      for (const [key, each] of this.#open) if (each === closed) this.#open.delete(key);
      this.#options.log.error("a listener that was closed for another one could not be opened again", {
        listener: closed.access.name,
        address: addressText(closed.access.address),
        err: error,
      });
    }
  }

  async #close(open: OpenListener, grace: AbortController = new AbortController()): Promise<void> {
    open.handler.streams.end();
    using _timer = this.#options.host.clock.schedule(GRACE_MS, () => grace.abort());
    await open.server.stop({ signal: grace.signal });
    this.#say("no longer listening", open);
  }

  /** The control socket is there for commands, and no news. */
  #say(what: string, { access: { name, allow }, server: { address } }: OpenListener): void {
    if (name !== ADMIN) this.#options.log.info(what, { listener: name, address: addressText(address), allow: allow.join(",") });
  }

  #cannotOpen({ name, address }: Access, cause: unknown): IoError {
    const code = isDaemonError(cause) ? cause.code : "IO_FAILED";
    const hint = code === "IO_ADDRESS_IN_USE" ? `: choose another address for [listen.${name}], or stop who listens there` : "";
    return new IoError(code, `Cannot open the listener ${name}: ${messageOf(cause)}${hint}`, {
      cause,
      context: { listener: name, address },
    });
  }
}

function isSameToken(a: Access, b: Access): boolean {
  return a.tokenHash?.toHex() === b.tokenHash?.toHex();
}

/** Whether two listeners can't be there at once. */
function isSamePlace(a: Address, b: Address): boolean {
  if ("unix" in a) return "unix" in b && a.unix === b.unix;
  return "port" in b && a.port === b.port;
}
