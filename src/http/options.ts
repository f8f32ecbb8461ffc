import type { Address } from "../core/ports/http.ts";
import type { Context } from "../core/supervise/subsystem.ts";
import { checkFunction, checkKeys } from "../core/values/options.ts";
import { resolvePath } from "../core/values/paths.ts";
import { parseAddress } from "../core/wire/address.ts";

/** A server of a program. */
export interface HttpOptions {
  /** Where it listens: `127.0.0.1:8080`, `[::]:8080`, `unix:run/web.sock`, or a port of 127.0.0.1; port 0 takes a free one. */
  address: string | number;
  /** Answers a request: the `fetch` of a hono app, or any function like it. What it throws is logged, and answered with 500. */
  fetch: (request: Request, context: Context) => Response | Promise<Response>;
  /** Most connections at once; beyond that the one that has waited longest makes room. @default {1_000} */
  maxConnections?: number;
  /** Permissions of its socket file. @default {0o600} */
  mode?: number;
}

/** Options of a server, complete and checked. */
export interface HttpSpec {
  /** Name of its unit. */
  readonly name: string;
  /** Where it listens. */
  readonly address: Address;
  /** Answers a request. */
  readonly fetch: HttpOptions["fetch"];
  /** Most connections at once. */
  readonly maxConnections: number;
  /** Permissions of its socket file; undefined leaves it to this user alone. */
  readonly mode: number | undefined;
}

/**
 * Checks the options of a server and fills in the defaults; the path of a socket counts from `baseDir`.
 *
 * @throws {TypeError | RangeError} if an option is wrong.
 */
export function httpSpec(name: string, options: HttpOptions, baseDir: string): HttpSpec {
  const action = `add server ${JSON.stringify(name)}`;
  checkKeys(action, options, ["address", "fetch", "maxConnections", "mode"]);
  const { address, fetch, maxConnections = 1_000, mode } = options;
  checkFunction(action, "fetch", fetch);
  const must = (isGood: boolean, key: string, expected: string, value: unknown) => {
    if (!isGood) throw new RangeError(`Cannot ${action} as "${key}" must be ${expected}: current value is ${JSON.stringify(value)}`);
  };
  const parsed = typeof address === "number" ? { hostname: "127.0.0.1", port: address } : parseAddress(String(address));
  const isPort = parsed !== undefined && ("unix" in parsed || Number.isInteger(parsed.port) && parsed.port >= 0 && parsed.port <= 65_535);
  must(isPort, "address", 'a port, or an address such as "127.0.0.1:8080", "[::1]:8080" or "unix:run/web.sock"', address);
  must(Number.isSafeInteger(maxConnections) && maxConnections > 0, "maxConnections", "an integer above 0", maxConnections);
  must(mode === undefined || Number.isInteger(mode) && mode >= 0 && mode <= 0o777, "mode", "permissions such as 0o660", mode);
  return {
    name,
    address: "unix" in parsed! ? { unix: resolvePath(baseDir, parsed.unix) } : parsed!,
    fetch,
    maxConnections,
    mode,
  };
}
