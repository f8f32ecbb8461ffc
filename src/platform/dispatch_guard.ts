import process from "node:process";

/**
 * Runs `dispatch`, which calls listeners of an AbortSignal, and gives `onError` what they throw, which otherwise ends the process.
 *
 * Both runtimes report such an error before the dispatch returns, to whoever listens for uncaught exceptions: for that moment, only us.
 */
export function guardDispatch(dispatch: () => void, onError: (error: unknown) => void): void {
  const others = process.listeners("uncaughtException");
  const take = (error: unknown) => onError(error);
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", take);
  try {
    dispatch();
  } finally {
    process.off("uncaughtException", take);
    for (const other of others) process.on("uncaughtException", other);
  }
}
