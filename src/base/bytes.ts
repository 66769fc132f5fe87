/** A Buffer as the Uint8Array that it is: the installed typings of Node are older than the compiler's Uint8Array. */
export function bytesOf(buffer: Buffer): Uint8Array {
  return buffer as unknown as Uint8Array;
}

/** Buffer.concat, past the same typings. */
export function joinBuffers(chunks: readonly Buffer[]): Buffer {
  return Buffer.concat(chunks as unknown as Uint8Array[]);
}
