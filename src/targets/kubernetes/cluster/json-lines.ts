/** Of one line: the API server's objects are below 3 MB. */
const MAX_LINE_BYTES = 16 * 1024 * 1024;
const NEWLINE = 0x0a;

/** Cuts bytes into lines of JSON. What isn't JSON, or is endless, throws: such a stream can't be read on. */
export class JsonLines {
  #held: Uint8Array[] = [];
  #bytes = 0;
  readonly #decoder = new TextDecoder();

  /** The lines that these bytes complete, parsed, oldest first. */
  push(chunk: Uint8Array): unknown[] {
    const found: unknown[] = [];
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, from)) {
      this.#held.push(chunk.subarray(from, end));
      const text = this.#take();
      if (text.trim() !== "") found.push(JSON.parse(text));
      from = end + 1;
    }
    const rest = chunk.subarray(from);
    this.#held.push(rest);
    this.#bytes += rest.length;
    if (this.#bytes > MAX_LINE_BYTES) throw new RangeError(`a line of more than ${MAX_LINE_BYTES} bytes`);
    return found;
  }

  #take(): string {
    const text = this.#decoder.decode(Buffer.concat(this.#held) as unknown as Uint8Array);
    this.#held = [];
    this.#bytes = 0;
    return text;
  }
}
