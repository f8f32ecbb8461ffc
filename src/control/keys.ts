import { type ByteSize, byteSize } from "../core/values/bytes.ts";
import { addressText, parseAddress } from "../core/wire/address.ts";
import { fileMode } from "../core/values/file_mode.ts";
import { nameProblem } from "../core/values/names.ts";
import type { Problem } from "../schema/problem.ts";
import type { FeatureTable } from "../schema/feature_table.ts";
import type { Of, TableNode } from "../schema/node.ts";
import { custom, either, integer, type Leaf, list, oneOf, path, size, text } from "../schema/shapes.ts";
import { keyOf, map, table, type TableOf } from "../schema/table.ts";
import { resolvePath } from "../core/values/paths.ts";
import {
  ADMIN,
  ADMIN_LISTENER,
  DEFAULT_MAX_BODY_BYTES,
  DEFAULT_MAX_CLIENTS,
  isLoopback,
  LISTENER_GROUPS,
  type ListenerGroup,
  type ListenerSpec,
} from "./spec.ts";

/** Settings of a listener. */
export interface ListenerOptions {
  readonly address?: string;
  readonly allow?: readonly ListenerGroup[];
  readonly mode?: string | number;
  readonly group?: string | number;
  readonly tokenFile?: string;
  readonly maxBody?: ByteSize;
  readonly maxClients?: number;
}

/** `[listen.NAME]` as it stands in the tree of a configuration, checked but without defaults. */
export type ListenerTable = TableOf<ListenerOptions>;

/**
 * Makes the specs of all listeners out of a checked tree, paths from `baseDir`; that of the control socket is always the first.
 *
 * A listener with a problem is left out of the specs.
 */
export function listenerSpecs(
  tables: Readonly<Record<string, ListenerTable>>,
  baseDir: string,
): { specs: ListenerSpec[]; problems: Problem[] } {
  const problems: Problem[] = [];
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
    const found: Problem[] = [];
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

/** The permissions of a socket file; NaN for what are none, or would lock the daemon's own user out. */
function socketMode(value: string | number): number {
  const mode = fileMode(value);
  return (mode & 0o600) === 0o600 ? mode : NaN;
}

const live = keyOf("live");
const DEFAULT_ALLOW: readonly ListenerGroup[] = ["health", "metrics"];
/** Longest path that every system accepts for a unix socket, in bytes. */
const MAX_SOCKET_BYTES = 100;

const permissions: Leaf<string | number> = custom({
  bases: ["string", "number"],
  expects: 'permissions of a socket that let this user in, such as "660" or 0o660',
  isGood: (mode) => !Number.isNaN(socketMode(mode as string)),
  json: { anyOf: [{ type: "string" }, { type: "integer" }] },
});

/** Keys of a listener: the table `[listen.NAME]`. */
export const LISTENER: Of<ListenerOptions, TableNode> = table<ListenerOptions>({
  address: live(
    "Where it listens; port 0 takes a free one.",
    text({
      expects: 'an address such as "127.0.0.1:9900", "[::1]:9900" or "unix:run/http.sock"',
      isGood: (address) => parseAddress(address) !== undefined,
    }),
    { example: "127.0.0.1:9900" },
  ),
  allow: live(
    "Groups of routes that it answers.",
    list(oneOf(LISTENER_GROUPS, { notYet: ["submit"] }), { expects: `a list of ${LISTENER_GROUPS.join(", ")}` }),
    { default: DEFAULT_ALLOW },
  ),
  mode: live("Permissions of the file of a unix socket.", permissions, { example: "660" }),
  group: live(
    "The group that the file of a unix socket belongs to.",
    either(text({ notEmpty: true }), integer(0), { expects: "the name or number of a group" }),
    { example: "www-data" },
  ),
  tokenFile: live("The file that holds the token which control over TCP asks for.", path(), { example: "http.token" }),
  maxBody: live("A larger request is refused.", size({ such: 'such as 65536, "64KiB" or "1MB"' }), { default: "1MB" }),
  maxClients: live("Requests and streams at the same time; one more is refused, but for health.", integer(1, 1_000_000), {
    default: DEFAULT_MAX_CLIENTS,
  }),
}, {
  expects: "a table of listener keys",
  aliases: { listen: "address", bind: "address", host: "address", port: "address", token: "token_file", groups: "allow" },
});

/** The tables `[listen.*]`. */
export const LISTEN_TABLE: FeatureTable = {
  name: "listen",
  node: map(LISTENER, { expects: "tables [listen.NAME]", nameProblem }),
  aliases: ["listener"],
  read: ({ table, baseDir }) => {
    const { specs, problems } = listenerSpecs(table as Record<string, ListenerTable>, baseDir);
    return { settings: specs, problems };
  },
};

/** The control socket: only its limits can be set, so that every client finds it and can do everything. */
function adminSpec(table: ListenerTable, problems: Problem[]): ListenerSpec {
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

function specOf(name: string, table: ListenerTable, baseDir: string, problems: Problem[]): ListenerSpec | undefined {
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
