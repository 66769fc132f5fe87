/** One message of a server-sent event stream. */
export interface SseEvent {
  event: string;
  data: string;
}

/** Of one message; more is no message of ours. */
const MAX_CHARACTERS = 8 * 1024 * 1024;

/**
 * Takes a server-sent event stream apart as its bytes come (HTML standard, "Interpreting an event stream"): chunks
 * may end anywhere, also inside a character or between CR and LF. Ids and retry times are left out: our streams
 * begin with the whole state.
 */
export function createSseParser(): (chunk: Uint8Array) => SseEvent[] {
  const decoder = new TextDecoder();
  let rest = "";
  let endedWithCr = false;
  let event = "";
  let data: string[] = [];
  let size = 0;

  function line(text: string, found: SseEvent[]): void {
    if (text === "") {
      if (data.length > 0) found.push({ event: event === "" ? "message" : event, data: data.join("\n") });
      event = "";
      data = [];
      size = 0;
      return;
    }
    const colon = text.indexOf(":");
    // A comment, which servers send to say that they are alive.
    if (colon === 0) return;
    const field = colon === -1 ? text : text.slice(0, colon);
    const value = colon === -1 ? "" : text.slice(colon + 1).replace(/^ /, "");
    if (field === "event") event = value;
    if (field !== "data") return;
    data.push(value);
    size += value.length;
  }

  return (chunk) => {
    let text = decoder.decode(chunk, { stream: true });
    if (text === "") return [];
    if (endedWithCr && text.startsWith("\n")) text = text.slice(1);
    // A CR at the end has ended its line; the LF that may follow belongs to it.
    endedWithCr = text === "" ? false : text.endsWith("\r");
    const found: SseEvent[] = [];
    const lines = (rest + text).split(/\r\n|\r|\n/);
    rest = lines.pop() ?? "";
    for (const each of lines) line(each, found);
    if (rest.length + size > MAX_CHARACTERS) throw new Error("a message of the stream is too long");
    return found;
  };
}
