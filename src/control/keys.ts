import * as v from "valibot";
import { byteSize } from "../core/values/bytes.ts";
import type { KeyFacts, TableFacts } from "../core/values/config_key.ts";
import { fileMode } from "../core/values/file_mode.ts";
import type { Address } from "../core/ports/http.ts";
import { nameProblem } from "../core/values/names.ts";
import { resolvePath } from "../core/values/paths.ts";
import {
  addressText,
  ADMIN,
  ADMIN_LISTENER,
  DEFAULT_MAX_BODY_BYTES,
  DEFAULT_MAX_CLIENTS,
  isLoopback,
  LISTENER_GROUPS,
  type ListenerGroup,
  type ListenerSpec,
} from "./spec.ts";

/** `[listen.NAME]` as it stands in the tree of a configuration, checked but without defaults. */
export interface ListenerTable {
  address?: string;
  allow?: string[];
  mode?: string | number;
  group?: string | number;
  token_file?: string;
  max_body?: string | number;
  max_clients?: number;
}

/** A mistake that shows only when several keys are looked at together. */
export interface ListenerProblem {
  /** Where it is, from the root of the configuration. */
  path: (string | number)[];
  /** The expected and the found value. */
  message: string;
  /** Advice: how to mend it. */
  hint?: string;
  /** Something is missing below the path. */
  isMissing?: boolean;
}

/** The tables `[listen.*]`, by name. */
export function listenersTable(): v.GenericSchema {
  const facts: TableFacts = { expects: "tables [listen.NAME]", nameProblem };
  return v.pipe(v.record(v.string(), listenerTable()), v.metadata({ facts }));
}

/**
 * Makes the specs of all listeners out of a checked tree, paths from `baseDir`; that of the control socket is always the first.
 *
 * A listener with a problem is left out of the specs.
 */
export function listenerSpecs(
  tables: Readonly<Record<string, ListenerTable>>,
  baseDir: string,
): { specs: ListenerSpec[]; problems: ListenerProblem[] } {
  const problems: ListenerProblem[] = [];
  const specs: ListenerSpec[] = [adminSpec(tables[ADMIN] ?? {}, problems)];
  const names = new Map<string, string>();
  const addresses = new Map<string, string>();
  for (const [name, table] of Object.entries(tables)) {
    const first = names.get(name.toLowerCase());
    if (first !== undefined) {
      const message = `expected a name that differs from ${JSON.stringify(first)} by more than case, got ${JSON.stringify(name)}`;
      problems.push({ path: ["listen", name], message });
      continue;
    }
    names.set(name.toLowerCase(), name);
    if (name === ADMIN) continue;
    if (name.toLowerCase() === ADMIN) {
      problems.push({ path: ["listen", name], message: `expected ${ADMIN} in small letters, got ${JSON.stringify(name)}` });
      continue;
    }
    const found: ListenerProblem[] = [];
    const spec = specOf(name, table, baseDir, found);
    // Port 0 is another one each time.
    if (spec?.address !== undefined && !("port" in spec.address && spec.address.port === 0)) {
      const key = addressText(spec.address);
      const other = addresses.get(key);
      if (other === undefined) addresses.set(key, name);
      else {
        const message = `expected an address of its own, got ${JSON.stringify(table.address)}, which listen.${other} has`;
        found.push({ path: ["listen", name, "address"], message });
      }
    }
    problems.push(...found);
    if (spec === undefined || found.length > 0) continue;
    specs.push(spec);
  }
  return { specs, problems };
}

const MODE = 'permissions of a socket that let this user in, such as "660" or 0o660';

/** The permissions of a socket file; NaN for what are none, or would lock the daemon's own user out. */
function socketMode(value: string | number): number {
  const mode = fileMode(value);
  return (mode & 0o600) === 0o600 ? mode : NaN;
}

function isGroup(value: string | number): boolean {
  return typeof value === "string" ? value !== "" : Number.isInteger(value) && value >= 0;
}

const live = { reload: "live" } as const;
const ADDRESS = 'an address such as "127.0.0.1:9900", "[::1]:9900" or "unix:run/http.sock"';
const GROUPS = `a list of ${LISTENER_GROUPS.join(", ")}`;
const DEFAULT_ALLOW: readonly ListenerGroup[] = ["health", "metrics"];
/** Longest path that every system accepts for a unix socket, in bytes. */
const MAX_SOCKET_BYTES = 100;

function listenerTable(): v.GenericSchema {
  const facts: TableFacts = {
    expects: "a table of listener keys",
    aliases: { listen: "address", bind: "address", host: "address", port: "address", token: "token_file", groups: "allow" },
  };
  return v.pipe(
    v.strictObject({
      address: key(v.pipe(v.string(), v.check((text) => parseAddress(text) !== undefined)), {
        about: "Where it listens; port 0 takes a free one.",
        ...live,
        expects: ADDRESS,
      }),
      allow: key(v.array(item(v.picklist(LISTENER_GROUPS))), {
        about: "Groups of routes that it answers.",
        ...live,
        expects: GROUPS,
        default: DEFAULT_ALLOW,
      }),
      mode: key(v.pipe(v.union([v.string(), v.number()]), v.check((mode) => !Number.isNaN(socketMode(mode)))), {
        about: "Permissions of the file of a unix socket.",
        ...live,
        expects: MODE,
      }),
      group: key(v.pipe(v.union([v.string(), v.number()]), v.check(isGroup)), {
        about: "The group that the file of a unix socket belongs to.",
        ...live,
        expects: "the name or number of a group",
      }),
      token_file: key(v.pipe(v.string(), v.nonEmpty()), {
        about: "The file that holds the token which control over TCP asks for.",
        ...live,
        expects: "a path",
        kind: "path",
      }),
      max_body: key(v.pipe(v.union([v.number(), v.string()]), v.check(isSize)), {
        about: "A larger request is refused.",
        ...live,
        expects: 'a size above 0 such as 65536, "64KiB" or "1MB"',
        default: "1MB",
        kind: "size",
      }),
      max_clients: key(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1_000_000)), {
        about: "Requests and streams at the same time; one more is refused, but for health.",
        ...live,
        expects: "an integer from 1 to 1000000",
        default: DEFAULT_MAX_CLIENTS,
      }),
    }),
    v.metadata({ facts }),
  );
}

function key(schema: v.GenericSchema, facts: KeyFacts): v.OptionalSchema<v.GenericSchema, undefined> {
  return v.optional(v.pipe(schema, v.metadata({ facts })));
}

function item(schema: v.GenericSchema): v.GenericSchema {
  return v.pipe(schema, v.metadata({ facts: { ...live, expects: `one of ${LISTENER_GROUPS.join(", ")}`, notYetChoices: ["submit"] } }));
}

/** The control socket: only its limits can be set, so that every client finds it and can do everything. */
function adminSpec(table: ListenerTable, problems: ListenerProblem[]): ListenerSpec {
  for (const name of ["address", "allow", "mode", "group", "token_file"] as const) {
    if (table[name] === undefined) continue;
    problems.push({
      path: ["listen", ADMIN, name],
      message: `expected only max_body and max_clients for ${ADMIN}, got ${name}`,
      hint: "the control socket is always in the run folder and allows everything: write another listener",
    });
  }
  return { ...ADMIN_LISTENER, ...limitsOf(table) };
}

function specOf(name: string, table: ListenerTable, baseDir: string, problems: ListenerProblem[]): ListenerSpec | undefined {
  const { address: text, allow = DEFAULT_ALLOW, mode, group, token_file: tokenFile } = table;
  const find = (path: (string | number)[], message: string, hint?: string) =>
    void problems.push({ path: ["listen", name, ...path], message, ...(hint === undefined ? {} : { hint }) });
  if (allow.length === 0) find(["allow"], `expected at least one of ${LISTENER_GROUPS.join(", ")}, got an empty list`);
  if (text === undefined) {
    find(["address"], "expected address, got nothing", 'write address = "127.0.0.1:9900"');
    return undefined;
  }
  const parsed = parseAddress(text);
  if (parsed === undefined) return undefined;
  const address = "unix" in parsed ? { unix: resolvePath(baseDir, parsed.unix) } : parsed;
  if ("unix" in address) {
    const bytes = new TextEncoder().encode(address.unix).length;
    if (bytes > MAX_SOCKET_BYTES) {
      find(["address"], `expected a socket path of at most ${MAX_SOCKET_BYTES} bytes, got ${address.unix} (${bytes} bytes)`);
    }
  }
  const isSocket = "unix" in address;
  for (const key of ["mode", "group"] as const) {
    if (table[key] !== undefined && !isSocket) find([key], `expected ${key} for unix sockets only, got it for ${addressText(address)}`);
  }
  const bits = isSocket ? mode === undefined ? group === undefined ? undefined : 0o660 : socketMode(mode) : undefined;
  if (allow.includes("control") && tokenFile === undefined) {
    const who = !isSocket
      ? `${addressText(address)}, which ${isLoopback(address) ? "every program of this machine" : "other machines"} can reach`
      : undefined;
    const others = bits !== undefined && (bits & 0o002) !== 0 ? `${addressText(address)}, which every user may use` : undefined;
    if (who !== undefined || others !== undefined) {
      find(
        ["token_file"],
        `expected a token_file, as control is allowed on ${who ?? others}, got nothing`,
        isSocket ? 'write token_file = "http.token", or mode = "660"' : 'write token_file = "http.token", or address = "unix:http.sock"',
      );
    }
  }
  return {
    name,
    address,
    allow: LISTENER_GROUPS.filter((group) => allow.includes(group)),
    ...(bits === undefined ? {} : { mode: bits }),
    ...(group === undefined ? {} : { group }),
    tokenFile: tokenFile === undefined ? undefined : resolvePath(baseDir, tokenFile),
    ...limitsOf(table),
  };
}

function limitsOf({ max_body: maxBody, max_clients: maxClients }: ListenerTable): { maxBodyBytes: number; maxClients: number } {
  return {
    maxBodyBytes: maxBody === undefined ? DEFAULT_MAX_BODY_BYTES : byteSize(maxBody),
    maxClients: maxClients ?? DEFAULT_MAX_CLIENTS,
  };
}

/** Reads `HOST:PORT`, `[IPv6]:PORT` or `unix:PATH`; undefined when it is none. An address names its interface, so that none is opened to the world by accident. */
export function parseAddress(text: string): Address | undefined {
  if (text.startsWith("unix:")) return text.length > 5 ? { unix: text.slice(5) } : undefined;
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const hostname = (match[1] ?? match[2]).toLowerCase();
  const port = Number(match[3]);
  return port > 65_535 ? undefined : { hostname, port };
}

function isSize(value: string | number): boolean {
  try {
    return byteSize(value) > 0;
  } catch {
    return false;
  }
}
