const LOOK_EVERY_MS = 250;

/**
 * Calls `onOver` once when resident memory passes the limit. Between two looks a model may take more; the
 * limit ends leaks, it is no wall.
 */
export function watchMemory(
  limitBytes: number,
  resident: () => number,
  onOver: (bytes: number) => void,
): { stop(): void } {
  const timer = setInterval(() => {
    const bytes = resident();
    if (bytes <= limitBytes) return;
    clearInterval(timer);
    onOver(bytes);
  }, LOOK_EVERY_MS);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}
