/** Tells when something in a folder changes. */
export interface Watcher {
  /**
   * Calls `onChange` soon after something directly in the folder was made, changed, renamed or removed, until the result is disposed.
   *
   * - Calls may be merged, may come twice for one change, and may come without a reason: look for yourself.
   * - It sees renames over a file and swaps of symbolic links; not what happens below sub-folders.
   * - When the folder itself goes away it calls once more and then never again. That a folder above it was moved is not seen.
   * - It does not keep the process alive. `onChange` must not throw.
   *
   * Fails with `IO_NOT_FOUND`, `IO_DENIED` or `IO_NO_RESOURCES` (no watches left).
   */
  watch(folder: string, onChange: () => void): Disposable;
}
