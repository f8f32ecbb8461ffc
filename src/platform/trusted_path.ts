import fs from "node:fs";
import process from "node:process";
import { isDevicePath } from "../core/values/paths.ts";

/** Where a file may be opened (nowhere yet while a folder is missing) and what is wrong with the one that was; or why root must not. */
export type TrustedPlace = { at: string | undefined; fileProblem: (file: fs.Stats) => string | undefined } | { why: string };

/** As many as the system itself follows. */
const MAX_LINKS = 40;
const GROUP_WRITES = 0o020;
const ALL_WRITE = 0o002;
const STICKY = 0o1000;

/**
 * Where root may write a file that a path names, so that nobody else can lead it elsewhere.
 *
 * - Each folder above that of the file belongs to root; where others may write to it (a sticky one, or by its group), what is in it on the way
 *   does. Links on the way are followed when root has made them.
 * - The folder of the file may belong to another user, such as the service's own, but not everybody may write to it. In a folder that is not
 *   root's alone, the file is no link, has one name, and belongs to root or to the folder's owner.
 * - Other users than root may write only what is theirs, and devices are no files that somebody has put there.
 */
export function trustedPlace(path: string): TrustedPlace {
  const fine = () => undefined;
  if (process.geteuid?.() !== 0 || isDevicePath(path)) return { at: path, fileProblem: fine };
  // In a namespace of its own, root may not even own the root folder.
  const { uid: system } = fs.lstatSync("/");
  const isRoot = ({ uid }: fs.Stats) => uid === 0 || uid === system;
  let rest = path.split("/");
  let folder = "";
  for (let links = 0; links <= MAX_LINKS;) {
    const name = rest.shift();
    if (name === undefined) return { at: folder || "/", fileProblem: fine };
    if (name === "" || name === ".") continue;
    if (name === "..") {
      folder = folder.slice(0, Math.max(0, folder.lastIndexOf("/")));
      continue;
    }
    const place = fs.lstatSync(folder || "/");
    const at = `${folder}/${name}`;
    const found = fs.lstatSync(at, { throwIfNoEntry: false });
    const isLast = rest.every((each) => each === "");
    const isShared = !isRoot(place) || (place.mode & (GROUP_WRITES | ALL_WRITE)) !== 0;
    if ((place.mode & ALL_WRITE) !== 0 && (place.mode & STICKY) === 0) return { why: `everybody may write to the folder ${folder}` };
    if (!isLast && !isRoot(place)) return { why: `the folder ${folder} belongs to user ${place.uid}, who could lead it elsewhere` };
    if (found?.isSymbolicLink()) {
      if (!isRoot(found) || (isLast && !isRoot(place))) return { why: `${at} is a link that user ${found.uid} has made` };
      const target = fs.readlinkSync(at);
      if (target.startsWith("/")) folder = "";
      rest = [...target.split("/"), ...rest];
      links++;
      continue;
    }
    if (isLast) {
      const fileProblem = (file: fs.Stats) => {
        if (!isShared) return undefined;
        if (!isRoot(file) && file.uid !== place.uid) return `${at} belongs to user ${file.uid}`;
        return file.isFile() && file.nlink > 1 ? `${at} has another name elsewhere (a hard link)` : undefined;
      };
      const why = found === undefined ? undefined : fileProblem(found);
      return why === undefined ? { at, fileProblem } : { why };
    }
    // Root makes it, and it is looked at again then.
    if (found === undefined) return { at: undefined, fileProblem: fine };
    if (isShared && !isRoot(found)) return { why: `${at} belongs to user ${found.uid}, who could lead it elsewhere` };
    folder = at;
  }
  return { why: `${path} leads through too many links` };
}
