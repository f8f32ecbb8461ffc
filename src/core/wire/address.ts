import type { Address } from "../ports/http.ts";

/** Reads `HOST:PORT`, `[IPv6]:PORT` or `unix:PATH`; undefined when it is none. An address names its interface, so that none is opened to the world by accident. */
export function parseAddress(text: string): Address | undefined {
  if (text.startsWith("unix:")) return text.length > 5 ? { unix: text.slice(5) } : undefined;
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const hostname = (match[1] ?? match[2]).toLowerCase();
  const port = Number(match[3]);
  return port > 65_535 ? undefined : { hostname, port };
}

/** Writes an address as the configuration spells it. */
export function addressText(address: Address): string {
  if ("unix" in address) return `unix:${address.unix}`;
  return `${address.hostname.includes(":") ? `[${address.hostname}]` : address.hostname}:${address.port}`;
}
