/** A socket that listens on a TCP port. */
export interface ListeningSocket {
  /** The address as a URL has it, without brackets; `0.0.0.0` and `::` are all of their kind. An IPv4 address never comes in the form of IPv6. */
  hostname: string;
  /** Its port. */
  port: number;
  /** Its number in the system: two sockets of the same address, which share their port, have two. */
  inode: number;
  /** User who made it. */
  uid: number;
}

/** A process that holds a socket; several may hold the same. */
export interface SocketHolder {
  /** Number of the socket. */
  inode: number;
  /** Number of the process. */
  pid: number;
  /** Short name of its program, as the system has it: any characters. */
  name: string;
}

/** Listeners on this machine. */
export interface Sockets {
  /** Whether connections to a host stay on this machine, as far as its name tells: nothing is looked up. */
  isLocal(hostname: string): boolean;
  /**
   * Sockets that listen on one of these ports, in the network of this process; undefined where the system does not tell. Fails with
   * `IO_NO_RESOURCES`.
   */
  listening(ports: ReadonlySet<number>): ListeningSocket[] | undefined;
  /**
   * Holders of these sockets, among these processes or all. `unseen` are living ones whose files are kept from us, or are so many
   * that not all were looked at. Fails with `IO_NO_RESOURCES`.
   */
  holders(inodes: ReadonlySet<number>, pids?: readonly number[]): { found: SocketHolder[]; unseen: number[] };
}
