/** An address in the one form that a URL gives it, without brackets, and an IPv4 address in that of IPv4; a name in lower case. */
export function normalAddress(hostname: string): string {
  const [plain] = hostname.split("%", 1);
  const text = `http://${plain.includes(":") ? `[${plain}]` : plain}/`;
  const normal = URL.canParse(text) ? new URL(text).hostname.replace(/^\[(.*)\]$/, "$1") : plain.toLowerCase();
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(normal) ?? [];
  if (high === undefined) return normal;
  return [high, low].flatMap((word) => [Number.parseInt(word, 16) >> 8, Number.parseInt(word, 16) & 255]).join(".");
}

/** Whether a name means the loopback of this machine, whatever it is looked up as. */
export function isLocalhost(address: string): boolean {
  return /^(.+\.)?localhost\.?$/.test(address);
}
