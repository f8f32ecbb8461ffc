import type { Files } from "../core/ports/files.ts";

/** Hands over a file in pieces. */
export type Transfer = (onPiece: (piece: Uint8Array) => void) => Promise<void>;

/** Writes pieces beside the file and puts them in its place when all are there; returns how many bytes they were. */
export async function writeWhole(files: Files, path: string, transfer: Transfer): Promise<number> {
  const draft = `${path}.part`;
  files.remove(draft);
  let bytes = 0;
  try {
    {
      using file = files.openAppend(draft);
      await transfer((piece) => {
        file.write(piece);
        bytes += piece.length;
      });
    }
    files.rename(draft, path);
    return bytes;
  } catch (error) {
    files.remove(draft);
    throw error;
  }
}
