// Finds where answers end, by content-length or the last chunk, without keeping their bodies.

const END_OF_HEAD = "\r\n\r\n";
const LAST_CHUNK = Buffer.from("0\r\n\r\n");

export class AnswerReader {
  #keeps;
  #head;
  #left = -1;
  #status = 0;
  #start = "";
  #kept = [];
  #tail = Buffer.alloc(0);

  /** @param {boolean} keeps whether bodies are kept, to read the token of the next page */
  constructor(keeps) {
    this.#keeps = keeps;
  }

  /** Takes bytes; the answer when this chunk ends it. One answer at a time: nothing is pipelined. */
  read(chunk) {
    let body = chunk;
    if (this.#left === -1) {
      const all = this.#head === undefined ? chunk : Buffer.concat([this.#head, chunk]);
      const end = all.indexOf(END_OF_HEAD);
      if (end < 0) {
        this.#head = all;
        return undefined;
      }
      this.#begin(all.toString("latin1", 0, end));
      body = all.subarray(end + END_OF_HEAD.length);
    }
    if (this.#keeps) this.#kept.push(body);
    else if (this.#status >= 300 && this.#start.length < 200) this.#start += body.toString("utf8", 0, 200);
    return this.#isOver(body) ? this.#end() : undefined;
  }

  #begin(head) {
    this.#head = undefined;
    this.#status = Number(head.slice(9, 12));
    const length = /\r\ncontent-length: *(\d+)/i.exec(head);
    this.#left = length ? Number(length[1]) : Number.POSITIVE_INFINITY;
    this.#tail = Buffer.alloc(0);
  }

  #isOver(body) {
    this.#left -= body.length;
    if (this.#left !== Number.POSITIVE_INFINITY) return this.#left <= 0;
    this.#tail = Buffer.concat([this.#tail, body.subarray(-LAST_CHUNK.length)]).subarray(-LAST_CHUNK.length);
    return this.#tail.equals(LAST_CHUNK);
  }

  #end() {
    const text = this.#keeps ? Buffer.concat(this.#kept).toString() : "";
    const answer = {
      status: this.#status,
      start: (this.#keeps ? text : this.#start).slice(0, 200).replace(/\s+/g, " "),
      nextPageToken: /"next_page_token":\s*"([^"]+)"/.exec(text)?.[1],
    };
    this.#left = -1;
    this.#start = "";
    this.#kept = [];
    return answer;
  }
}
