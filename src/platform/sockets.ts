import fs from "node:fs";
import os from "node:os";
import process from "node:process";
import type { ListeningSocket, SocketHolder, Sockets } from "../core/ports/sockets.ts";
import { isLocalhost, normalAddress } from "../core/values/ip_address.ts";
import { ioError } from "./io_error.ts";
import { allPids } from "./process_table.ts";

/** State of a listening socket in /proc/net/tcp. */
const LISTENING = "0A";
/** Files of one process that are looked at: a server may have a hundred thousand, and the first ones are those that it listens on. */
const MAX_FILES = 4_096;

/** Finds listeners in /proc, which a test may have in another folder; other systems do not tell. */
export function createSockets({ proc = "/proc", maxFiles = MAX_FILES }: { proc?: string; maxFiles?: number } = {}): Sockets {
  const isTold = process.platform === "linux";
  return {
    isLocal(hostname) {
      const address = normalAddress(hostname);
      if (isLocalhost(address) || /^127(\.\d+){3}$/.test(address)) return true;
      if (["::1", "0.0.0.0", "::"].includes(address)) return true;
      return Object.values(os.networkInterfaces()).some((all) => all?.some((each) => normalAddress(each.address) === address));
    },
    listening(ports) {
      const texts = isTold ? [read(`${proc}/net/tcp`), read(`${proc}/net/tcp6`)] : [];
      if (texts.every((text) => text === undefined)) return undefined;
      return texts.flatMap((text) => text === undefined ? [] : parseListening(text, ports));
    },
    holders(inodes, pids) {
      const found: SocketHolder[] = [];
      const unseen: number[] = [];
      for (const pid of pids ?? allPids(proc)) {
        const held = socketsOf(`${proc}/${pid}/fd`, inodes, maxFiles);
        if (held === undefined) unseen.push(pid);
        else for (const inode of held) found.push({ inode, pid, name: (read(`${proc}/${pid}/comm`) ?? "").trimEnd() });
      }
      return { found, unseen };
    },
  };
}

/** Reads the lines of /proc/net/tcp, or tcp6, that are about listeners on these ports. */
export function parseListening(text: string, ports: ReadonlySet<number>): ListeningSocket[] {
  return text.split("\n").flatMap((line) => {
    // Connections are many, listeners few.
    if (!line.includes(` ${LISTENING} `)) return [];
    const [, local, , state, , , , uid, , inode] = line.trim().split(/\s+/);
    const [address, portText] = local.split(":");
    const port = Number.parseInt(portText, 16);
    return state === LISTENING && ports.has(port) ? [{ hostname: addressOf(address), port, inode: Number(inode), uid: Number(uid) }] : [];
  });
}

/** An address as /proc writes it: words of 32 bits in hexadecimal, each in the byte order of the machine. */
function addressOf(hex: string): string {
  const bytes = new Uint8Array(hex.length / 2);
  const view = new DataView(bytes.buffer);
  const isLittle = os.endianness() === "LE";
  for (let at = 0; at < hex.length; at += 8) view.setUint32(at / 2, Number.parseInt(hex.slice(at, at + 8), 16), isLittle);
  if (bytes.length === 4) return bytes.join(".");
  const groups = Array.from({ length: 8 }, (_, index) => view.getUint16(index * 2).toString(16));
  return normalAddress(groups.join(":"));
}

/** Returns the sockets that the process with this folder of files holds; undefined when it lives and not all its files could be read. */
function socketsOf(folder: string, inodes: ReadonlySet<number>, maxFiles: number): Set<number> | undefined {
  const held = new Set<number>();
  let names: string[];
  try {
    names = fs.readdirSync(folder);
  } catch (error) {
    const { code, context } = ioError(error, "look at the files of a process", { path: folder });
    if (code === "IO_NO_RESOURCES") throw ioError(error, "look at the files of a process", context ?? {});
    return code === "IO_NOT_FOUND" ? held : undefined;
  }
  for (const name of names.slice(0, maxFiles)) {
    try {
      const [, inode] = /^socket:\[(\d+)\]$/.exec(fs.readlinkSync(`${folder}/${name}`)) ?? [];
      if (inode !== undefined && inodes.has(Number(inode))) held.add(Number(inode));
    } catch {
      // Closed meanwhile.
    }
  }
  return held.size === 0 && names.length > maxFiles ? undefined : held;
}

function read(path: string): string | undefined {
  try {
    return fs.readFileSync(path, "utf8");
  } catch (error) {
    const made = ioError(error, "look at who listens", { path });
    if (made.code === "IO_NO_RESOURCES") throw made;
    return undefined;
  }
}
