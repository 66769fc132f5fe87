import { setMaxListeners } from "node:events";
import type { ServerResponse } from "node:http";
import type { Clock } from "../base/clock.ts";
import { SlipwayError } from "../http/errors.ts";
import type { EvidenceReader } from "./evidence-reader.ts";

/** Pauses in milliseconds, and bounds. */
export interface StreamTimes {
  /** Between two looks at what changed: at most so often an event is sent. */
  pause: number;
  /** Evidence is built anew this often although nothing was counted: times go on. */
  refresh: number;
  heartbeat: number;
  /** A listener whose socket stays full this long is ended. */
  stuck: number;
}

export const STREAM_TIMES: StreamTimes = { pause: 500, refresh: 5000, heartbeat: 15_000, stuck: 60_000 };
export const MOST_LISTENERS = 64;

interface Listener {
  response: ServerResponse;
  /** Last evidence that was sent. */
  sent: string | null;
  /** When anything was sent last. */
  at: number;
  /** Since when the socket has been full; null: it takes more. */
  fullSince: number | null;
}

interface Channel {
  listeners: Set<Listener>;
  /** Newest evidence as JSON, without and with the time of its making. */
  latest: { compared: string; text: string } | null;
  mark: string | undefined;
  builtAt: number;
}

/**
 * Evidence as server-sent events (WHATWG HTML, 9.2): one loop for each service that somebody listens to, whatever the
 * number of listeners. A listener that can't keep up gets the newest evidence when it can, not all that it missed.
 */
export class EvidenceStreams {
  readonly #channels = new Map<string, Channel>();
  readonly #stop = new AbortController();
  readonly #reader: EvidenceReader;
  readonly #clock: Clock;
  readonly #times: StreamTimes;
  readonly #log: (error: unknown, where: string) => void;

  constructor(deps: {
    reader: EvidenceReader;
    clock: Clock;
    times?: StreamTimes;
    log: (error: unknown, where: string) => void;
  }) {
    this.#reader = deps.reader;
    this.#clock = deps.clock;
    this.#times = deps.times ?? STREAM_TIMES;
    this.#log = deps.log;
    // As many loops wait for it as services are listened to.
    setMaxListeners(0, this.#stop.signal);
  }

  get listeners(): number {
    return [...this.#channels.values()].reduce((sum, { listeners }) => sum + listeners.size, 0);
  }

  /** Refuses with EVIDENCE_STREAMS_FULL when nobody more can listen, and UNAVAILABLE once closed. */
  admit(): void {
    if (this.#stop.signal.aborted) throw new SlipwayError("UNAVAILABLE", "the platform is stopping");
    const given = this.listeners;
    if (given >= MOST_LISTENERS)
      throw new SlipwayError("EVIDENCE_STREAMS_FULL", `${given} listeners follow evidence already`, {
        allowed: `at most ${MOST_LISTENERS} at a time`,
      });
  }

  /** Writes to the response until its reader leaves or `close` is called. Call `admit` before. */
  follow(service: string, response: ServerResponse): void {
    // Left while it was let in: its `close` has been told, and its place would never be free again.
    if (response.destroyed || response.closed) return;
    response.writeHead(200, {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store, no-transform",
      "x-accel-buffering": "no",
    });
    const listener: Listener = { response, sent: null, at: this.#clock.now(), fullSince: null };
    response.on("drain", () => (listener.fullSince = null));
    // What a reader's leaving breaks is told by `close`.
    response.on("error", () => undefined);
    let channel = this.#channels.get(service);
    const isNew = channel === undefined;
    if (!channel) {
      channel = { listeners: new Set(), latest: null, mark: undefined, builtAt: 0 };
      this.#channels.set(service, channel);
    }
    const { listeners } = channel;
    listeners.add(listener);
    response.once("close", () => listeners.delete(listener));
    this.#write(listener, "retry: 2000\n\n");
    if (isNew) void this.#run(service, channel);
    else this.#send(channel, listener);
  }

  /** Ends every stream. */
  close(): void {
    this.#stop.abort();
    for (const { listeners } of this.#channels.values()) {
      for (const { response } of listeners) response.end();
    }
    this.#channels.clear();
  }

  async #run(service: string, channel: Channel): Promise<void> {
    while (channel.listeners.size > 0 && !this.#stop.signal.aborted) {
      try {
        await this.#refresh(service, channel);
      } catch (error) {
        this.#log(error, `evidence of ${service}`);
      }
      for (const listener of channel.listeners) this.#send(channel, listener);
      try {
        await this.#clock.sleep(this.#times.pause, this.#stop.signal);
      } catch {
        return;
      }
    }
    // Only now: whoever comes and goes again and again finds this loop, and begins no other.
    this.#channels.delete(service);
  }

  async #refresh(service: string, channel: Channel): Promise<void> {
    const mark = await this.#reader.mark(service);
    const now = this.#clock.now();
    const isOld = Math.abs(now - channel.builtAt) >= this.#times.refresh;
    if (channel.builtAt > 0 && mark === channel.mark && !isOld) return;
    const evidence = await this.#reader.ofService(service);
    channel.mark = mark;
    channel.builtAt = now;
    if (!evidence) return;
    const compared = JSON.stringify({ ...evidence, at: 0 });
    if (compared !== channel.latest?.compared) channel.latest = { compared, text: JSON.stringify(evidence) };
  }

  #send({ latest }: Channel, listener: Listener): void {
    const now = this.#clock.now();
    if (listener.fullSince !== null) {
      if (Math.abs(now - listener.fullSince) > this.#times.stuck) listener.response.destroy();
      return;
    }
    if (latest && latest.compared !== listener.sent) {
      listener.sent = latest.compared;
      this.#write(listener, `event: evidence\ndata: ${latest.text}\n\n`);
    } else if (Math.abs(now - listener.at) >= this.#times.heartbeat)
      this.#write(listener, ": still here\n\n");
  }

  #write(listener: Listener, text: string): void {
    const { response } = listener;
    if (response.writableEnded || response.destroyed) return;
    listener.at = this.#clock.now();
    if (!response.write(text)) listener.fullSince ??= listener.at;
  }
}
