/** Permissions, or a mask of them, from an octal text or a number; NaN when it is none. */
export function fileMode(value: number | string): number {
  const mode = typeof value === "string" && /^(?:0o)?[0-7]{1,4}$/.test(value) ? Number.parseInt(value.replace("0o", ""), 8) : value;
  return typeof mode === "number" && Number.isInteger(mode) && mode >= 0 && mode <= 0o777 ? mode : NaN;
}
