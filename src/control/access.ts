import type { Address } from "../core/ports/http.ts";
import { problem, type ProblemDetails } from "./problem.ts";
import { HEALTH_ROUTES } from "./routes/health.ts";
import { METRIC_ROUTES } from "./routes/metrics.ts";
import { isLoopback, isLoopbackName, type ListenerGroup, type ListenerSpec } from "./spec.ts";

/** Access rules of a listener; a reload replaces them while the listener stays open. */
export interface Access extends Pick<ListenerSpec, "name" | "allow" | "mode" | "group" | "maxBodyBytes" | "maxClients"> {
  /** Where it listens. */
  readonly address: Address;
  /** SHA-256 of the token that control asks for; undefined asks for none. */
  readonly tokenHash: Uint8Array | undefined;
}

/** Paths that are not control. */
const OPEN_PATHS = [...Object.values(HEALTH_ROUTES), ...Object.values(METRIC_ROUTES)].map(({ path, access }) => {
  return { access, pattern: new RegExp(`^${path.replace(/\{\w+\+\}/, ".+")}$`) };
});

/** The group that a path belongs to. Whatever is not known to be harmless is control. */
export function groupOf(path: string): ListenerGroup {
  return OPEN_PATHS.find(({ pattern }) => pattern.test(path))?.access ?? "control";
}

/**
 * Says why a request is refused, or undefined when it may pass.
 *
 * - Pages of other origins are refused on every TCP listener: a browser sends `Origin` with whatever could change something.
 * - A name in `Host` that is not this machine's means that a browser was led here by somebody's DNS. Addresses can't be, so they pass.
 *   Beyond loopback, health and metrics are there for whoever asks, under whatever name.
 * - A browser says by `Sec-Fetch-Site` when a page of another site asks, also where it sends no `Origin`: control is not for those.
 * - Control asks for the token, where there is one; on TCP there always is.
 */
export async function refusalOf(request: Request, path: string, access: Access): Promise<ProblemDetails | undefined> {
  const group = groupOf(path);
  const { address, allow, name } = access;
  if ("hostname" in address) {
    const { headers } = request;
    const host = headers.get("host");
    const isHostChecked = group === "control" || isLoopback(address);
    if (isHostChecked && host !== null && !isOwnHost(host, address.hostname)) {
      return problem(
        403,
        "IPC_DENIED",
        `Cannot answer as "Host" must be an address or name of this listener: current value is ${JSON.stringify(host)}`,
        `ask for localhost, for an address, or listen on that name`,
      );
    }
    const origin = headers.get("origin");
    if (origin !== null && origin !== `http://${host}`) {
      return problem(
        403,
        "IPC_DENIED",
        `Cannot answer as pages of other origins may not ask: current value of "Origin" is ${JSON.stringify(origin)}`,
      );
    }
  }
  if ("hostname" in address && (group === "control" || !isReading(request))) {
    const site = request.headers.get("sec-fetch-site");
    if (site !== null && site !== "same-origin" && site !== "none") {
      const why = `pages of other sites may not ask: current value of "Sec-Fetch-Site" is ${JSON.stringify(site)}`;
      return problem(403, "IPC_DENIED", `Cannot answer as ${why}`);
    }
  }
  if (!allow.includes(group)) {
    return problem(
      404,
      "IPC_PROTOCOL",
      `Cannot answer as the listener ${name} does not serve ${path}: it allows ${allow.join(", ")}`,
      `add "${group}" to allow of [listen.${name}], or ask another listener`,
    );
  }
  if (group !== "control") return undefined;
  if (access.tokenHash === undefined) {
    if (!("hostname" in address)) return undefined;
    return problem(401, "IPC_DENIED", `Cannot answer as the listener ${name} has no token`, `set token_file of [listen.${name}]`);
  }
  const given = /^Bearer +(\S+) *$/i.exec(request.headers.get("authorization") ?? "")?.[1];
  if (given !== undefined && isSameHash(await hashOf(given), access.tokenHash)) return undefined;
  return problem(
    401,
    "IPC_DENIED",
    given === undefined ? "Cannot answer without a token" : "Cannot answer as the token is not the one of this listener",
    `send the header "Authorization: Bearer TOKEN" with the text of token_file`,
  );
}

function isReading({ method }: Request): boolean {
  return method === "GET" || method === "HEAD";
}

/** The hash under which tokens are kept and compared. */
export async function hashOf(token: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token)));
}

/** Takes the same time wherever the difference is; the hashes keep even that from telling anything about the token. */
function isSameHash(a: Uint8Array, b: Uint8Array): boolean {
  let difference = 0;
  for (let index = 0; index < a.length; index++) difference |= a[index] ^ b[index];
  return difference === 0;
}

function isOwnHost(host: string, own: string): boolean {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:\[\]]+))(?::\d{1,5})?$/.exec(host);
  if (match === null) return false;
  if (match[1] !== undefined) return true;
  const name = match[2].toLowerCase();
  return name === own || isLoopbackName(name) || /^\d{1,3}(?:\.\d{1,3}){3}$/.test(name);
}
