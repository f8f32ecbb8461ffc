import process from "node:process";

/** Says on stderr why a program ends, and lets it end with `exitCode`. It needs no host, for when not even that could be made. */
export function lastWords(text: string, exitCode: number): void {
  process.exitCode = exitCode;
  process.stderr.write(`${text}\n`);
}
