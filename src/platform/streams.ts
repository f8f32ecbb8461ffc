/** The same stream, with something that is let go of once, when the stream has ended, failed or been cancelled. */
export function endingWith(source: ReadableStream<Uint8Array>, release: () => void): ReadableStream<Uint8Array> {
  const reader = source.getReader();
  let isHeld = true;
  // A cancellation ends a pending read too, and a descriptor that is closed twice may be somebody else's the second time.
  const releaseOnce = () => {
    if (isHeld) release();
    isHeld = false;
  };
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (!done) return controller.enqueue(value);
      } catch (error) {
        releaseOnce();
        throw error;
      }
      if (!isHeld) return; // cancelled
      releaseOnce();
      controller.close();
    },
    async cancel(reason) {
      try {
        await reader.cancel(reason);
      } finally {
        releaseOnce();
      }
    },
  }, { highWaterMark: 0 });
}
