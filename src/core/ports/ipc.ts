/** A connection between two processes. */
export interface Connection extends Disposable {
  /**
   * The next bytes from the other side, undefined once it has ended. Unread bytes stay with the sender. One call at a time.
   *
   * Rejects with `IPC_FAILED` when the connection broke.
   */
  read(): Promise<Uint8Array | undefined>;
  /** Sends bytes in order; resolves when there is room for more. Rejects with `IPC_FAILED` when the other side has gone. */
  write(bytes: Uint8Array): Promise<void>;
  /** Says that nothing more comes from here, and resolves once everything is sent or the other side has gone. */
  end(): Promise<void>;
}

/** Somebody who takes connections until disposed. */
export interface IpcServer extends Disposable {
  /** Whether its socket file is still the one at its path. */
  hasFile(): boolean;
}

/** Bytes between processes of this machine, over unix sockets. */
export interface Ipc {
  /**
   * Listens on a socket file of mode 0o600, in the place of whatever stands there, until the result is disposed; that ends no connection,
   * and removes no file but its own. Rejects with `IO_FAILED` and its kin when it can't.
   */
  listen(path: string, onConnection: (connection: Connection) => void): Promise<IpcServer>;
  /** Connects. Rejects with `IO_NOT_FOUND` (no socket file), `IO_REFUSED` (nobody listens) or `IO_FAILED`. */
  connect(path: string): Promise<Connection>;
}
