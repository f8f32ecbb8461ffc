/** A host and a port of it. */
export interface TcpAddress {
  hostname: string;
  port: number;
}

/**
 * Takes `host:port` or a port alone, which means this machine, apart.
 *
 * @throws {RangeError} if it is neither.
 */
export function parseTcpAddress(address: string): TcpAddress {
  const [, bracketed, plain, portText] = /^(?:(?:\[([^\]]+)\]|([^:[\]]*)):)?(\d{1,5})$/.exec(address) ?? [];
  const port = Number(portText);
  if (!(port >= 1 && port <= 65_535)) {
    throw new RangeError(
      `Cannot probe by tcp as the address must be "host:port" with a port from 1 to 65535: current value is "${address}"`,
    );
  }
  return { hostname: bracketed ?? (plain || "127.0.0.1"), port };
}

/** An address as it is written. */
export function formatTcpAddress({ hostname, port }: TcpAddress): string {
  return `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}
