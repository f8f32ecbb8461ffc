import { ERROR_CODES } from "../core/values/error_codes.ts";
import { type DaemonError, isDaemonError, messageOf } from "../core/values/errors.ts";
import type { Files } from "../core/ports/files.ts";
import { folderOf, shellWord } from "../core/values/paths.ts";

/** Why something that the configuration names can't be used as it is. */
export interface Lack {
  /** The expected and the found value. */
  message: string;
  /** Advice: how to mend it. */
  hint?: string;
  /** It is not there at all, so that somebody may still make it. */
  isMissing?: boolean;
}

/** Says what is wrong with a folder that has to be there. */
export function folderLack(path: string, files: Pick<Files, "info">): Lack | undefined {
  const info = files.info(path);
  if (info?.kind === "directory") return undefined;
  return info === undefined
    ? {
      message: `expected a folder, got nothing at ${JSON.stringify(path)}`,
      hint: `make it: mkdir -p ${shellWord(path)}`,
      isMissing: true,
    }
    : { message: `expected a folder, got something else at ${JSON.stringify(path)}`, hint: "name a folder" };
}

/** Why nothing can be made in a folder, which itself is made where it is missing. */
export function unmakeable(folder: string, files: Pick<Files, "info" | "isWritable">): Lack | undefined {
  let nearest = folder;
  while (files.info(nearest) === undefined && nearest !== "/") nearest = folderOf(nearest);
  const text = JSON.stringify(nearest);
  if (files.info(nearest)?.kind !== "directory") {
    return { message: `expected a folder for it, got something else at ${text}`, hint: "name a path below a folder" };
  }
  if (files.isWritable(nearest)) return undefined;
  return {
    message: `expected a folder that may be written, got ${text}`,
    hint: "let the user of the daemon write to it, or name another path",
  };
}

/** Returns the finding of a look; a path at which nobody can look is a finding too. */
export function looked<T extends Lack>(look: () => T | undefined): T | Lack | undefined {
  try {
    return look();
  } catch (error) {
    if (!isDaemonError(error)) throw error;
    const hint = error.code === "IO_FAILED" ? "name another path" : remedyOf(error);
    return { message: `expected a path that can be looked at: ${messageOf(error)}`, hint };
  }
}

/** The general advice for a failure, as a hint. */
export function remedyOf({ code }: Pick<DaemonError, "code">): string {
  const { remedy } = ERROR_CODES[code];
  return `${remedy[0].toLowerCase()}${remedy.slice(1).replace(/\.$/, "")}`;
}
