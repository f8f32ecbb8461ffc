import type { Address } from "../core/ports/http.ts";
import type { RouteAccess } from "../core/wire/route.ts";

/** A group of routes that a listener may answer: an item of `allow` in the configuration. */
export type ListenerGroup = RouteAccess;

/** Every {@linkcode ListenerGroup}. */
export const LISTENER_GROUPS: readonly ListenerGroup[] = ["health", "metrics", "control"];

/** A listener, complete and checked. */
export interface ListenerSpec {
  /** Name of its table. */
  readonly name: string;
  /** Where it listens; undefined for the control socket in the run folder, which is known only when the daemon starts. */
  readonly address: Address | undefined;
  /** Groups of routes that it answers; no others exist on it. */
  readonly allow: readonly ListenerGroup[];
  /** Permissions of its socket file; undefined leaves it to this user alone. */
  readonly mode?: number;
  /** Group of its socket file, by name or number; undefined leaves it to the group of this process. */
  readonly group?: string | number;
  /** File with the token that control asks for, absolute; undefined asks for none. */
  readonly tokenFile: string | undefined;
  /** Longest body of a request, in bytes. */
  readonly maxBodyBytes: number;
  /** Requests and open streams at once; whoever comes beyond that is told to come again. */
  readonly maxClients: number;
}

/** Name of the listener that is always there. */
export const ADMIN = "admin";
/** Longest body where nothing else is set. */
export const DEFAULT_MAX_BODY_BYTES = 1_000_000;
/** Most clients where nothing else is set. */
export const DEFAULT_MAX_CLIENTS = 1_000;

/** The control socket where nothing is said about it. */
export const ADMIN_LISTENER: ListenerSpec = {
  name: ADMIN,
  address: undefined,
  allow: LISTENER_GROUPS,
  tokenFile: undefined,
  maxBodyBytes: DEFAULT_MAX_BODY_BYTES,
  maxClients: DEFAULT_MAX_CLIENTS,
};

/** Whether only programs of this machine reach an address. */
export function isLoopback(address: Address): boolean {
  return "unix" in address || isLoopbackName(address.hostname);
}

/** Whether a host name means this machine: `localhost`, 127.0.0.0/8, `::1`. */
export function isLoopbackName(hostname: string): boolean {
  return hostname === "localhost" || hostname === "::1" || /^127(?:\.\d{1,3}){3}$/.test(hostname);
}
