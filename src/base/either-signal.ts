/** Aborted as soon as one of them is, with its reason; `release` lets go of them when it isn't needed any more. */
export function eitherSignal(...signals: readonly AbortSignal[]): {
  signal: AbortSignal;
  release: () => void;
} {
  const either = new AbortController();
  const listeners = signals.map((signal) => {
    const onAbort = (): void => either.abort(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    return () => signal.removeEventListener("abort", onAbort);
  });
  return {
    signal: either.signal,
    release: () => {
      for (const remove of listeners) remove();
    },
  };
}
