import { isDaemonError, messageOf } from "../core/values/errors.ts";
import type { FileInfo, Files } from "../core/ports/files.ts";
import { shellWord } from "../core/values/paths.ts";
import { textOfBytes } from "../core/values/text_file.ts";

/** The token of a listener, or why there is none, to go on after "must be one token in a file: ". */
export type TokenFile = { token: string; info: FileInfo } | { problem: string; hint?: string };

const MAX_TOKEN_BYTES = 65_536;

/** Reads the token in a file; of one that can't be used it says what to do. */
export async function readToken(path: string, files: Pick<Files, "read">): Promise<TokenFile> {
  try {
    const { bytes, info } = await files.read(path, { maxBytes: MAX_TOKEN_BYTES });
    const read = textOfBytes(bytes);
    const token = "text" in read ? read.text.trim() : "";
    if ("mistake" in read) return { problem: `${path} must hold one token: ${read.mistake.message}`, hint: read.mistake.hint };
    if (/^\S+$/.test(token)) return { token, info };
    return {
      problem: `${path} must hold one token: it holds ${token === "" ? "nothing" : "several words"}`,
      hint: "write one word without blanks into it",
    };
  } catch (error) {
    if (!isDaemonError(error)) throw error;
    if (error.code !== "IO_NOT_FOUND") return { problem: messageOf(error), hint: "name a file that this user can read" };
    const hint = `make one: (umask 077; head -c 32 /dev/urandom | base64 > ${shellWord(path)})`;
    return { problem: `its token_file must be there: current value is ${path}`, hint };
  }
}
