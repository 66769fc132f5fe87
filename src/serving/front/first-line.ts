import type { Socket } from "node:net";
import { joinBuffers } from "../../base/bytes.ts";

/**
 * Reads the beginning of a connection until `decide` can say something about it, and puts back what was read; the socket
 * is paused then. A connection that says too little for too long, or ends before, is closed.
 */
export function takeFirstLine<Goal>(
  socket: Socket,
  withinMs: number,
  decide: (start: Buffer) => Goal | undefined,
  go: (goal: Goal) => void,
): void {
  let held: Buffer | undefined;
  const timer = setTimeout(() => socket.destroy(), withinMs);
  const stop = () => {
    clearTimeout(timer);
    socket.off("data", onData);
    socket.off("end", onEnd);
    socket.off("close", stop);
  };
  const onData = (chunk: Buffer) => {
    held = held === undefined ? chunk : joinBuffers([held, chunk]);
    const goal = decide(held);
    if (goal === undefined) return;
    stop();
    socket.pause();
    socket.unshift(held as unknown as Uint8Array);
    go(goal);
  };
  const onEnd = () => socket.destroy();
  socket.on("data", onData);
  socket.on("end", onEnd);
  socket.on("close", stop);
}
