// The truth, some seconds after the prediction: true labels by request id, in batches.

const EVERY_MS = 250;
const MOST_IN_A_BATCH = 500;
/** Beyond this the platform has stopped taking labels; the oldest are dropped and counted. */
const MOST_WAITING = 50_000;

/** Holds true labels back for `delayMs`, then posts them to `url`. */
export class DelayedLabels {
  #waiting = [];
  #timer;
  #posting = Promise.resolve();
  sent = 0;
  dropped = 0;
  lastProblem;

  constructor({ url, delayMs }) {
    this.url = url;
    this.delayMs = delayMs;
    this.#timer = setInterval(() => this.#postDue(Date.now()), EVERY_MS);
  }

  add(requestId, label) {
    if (this.#waiting.length >= MOST_WAITING) {
      this.#waiting.shift();
      this.dropped++;
    }
    this.#waiting.push({ dueAt: Date.now() + this.delayMs, requestId, label });
  }

  /** Posts what is left, whether due or not. */
  async stop() {
    clearInterval(this.#timer);
    await this.#posting;
    while (this.#waiting.length > 0) await this.#post(this.#waiting.splice(0, MOST_IN_A_BATCH));
  }

  #postDue(now) {
    this.#posting = this.#posting.then(async () => {
      while (this.#waiting.length > 0 && this.#waiting[0].dueAt <= now) {
        const firstLater = this.#waiting.findIndex((entry) => entry.dueAt > now);
        const due = firstLater === -1 ? this.#waiting.length : firstLater;
        await this.#post(this.#waiting.splice(0, Math.min(due, MOST_IN_A_BATCH)));
      }
    });
  }

  async #post(entries) {
    const labels = entries.map(({ requestId, label }) => ({ id: requestId, label }));
    try {
      const response = await fetch(this.url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ labels }),
        signal: AbortSignal.timeout(10_000),
      });
      const text = await response.text();
      if (!response.ok) throw new Error(`${response.status} ${text.slice(0, 300)}`);
      this.sent += labels.length;
    } catch (error) {
      this.dropped += labels.length;
      this.lastProblem = error.message;
    }
  }
}
