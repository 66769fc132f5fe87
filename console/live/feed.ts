import type { RolloutEvidence } from "../../src/rollout/evidence.ts";
import type { ServiceDetail } from "../view/service.ts";
import { ApiError, call, callJson } from "./api.ts";
import { createSseParser } from "./sse.ts";

/** All that the page of one service shows, and how sure it may be of it. */
export interface FeedState {
  /** `refused`: the platform answered, but not with the service: `error` says why. */
  connection: "connecting" | "live" | "lost" | "refused";
  /** Since when it is lost. */
  lostAt: number | null;
  /** When what is shown came, by this machine's clock. */
  receivedAt: number | null;
  service: ServiceDetail | null;
  /** Null where no rollout was ever. */
  evidence: RolloutEvidence | null;
  error: ApiError | null;
}

const INITIAL: FeedState = {
  connection: "connecting",
  lostAt: null,
  receivedAt: null,
  service: null,
  evidence: null,
  error: null,
};

/** Between looks at what the stream doesn't carry: history, labels. */
const REFRESH_MS = 15_000;
/** Between looks while there is no rollout and so no stream. */
const IDLE_MS = 3_000;
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 5_000;
/** A stream that says nothing for this long, not even that it is alive, is taken for dead. */
const SILENCE_MS = 45_000;

/** Follows one service until it is stopped: the stream, again and again when it breaks, and the rest beside it. */
export class ServiceFeed {
  private state = INITIAL;
  private readonly listeners = new Set<() => void>();
  private stopping: AbortController | undefined;
  private wake: (() => void) | undefined;
  private retryMs = FIRST_RETRY_MS;
  private readonly path: string;

  constructor(model: string) {
    this.path = `/services/${encodeURIComponent(model)}`;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    if (this.stopping === undefined) this.start();
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size === 0) this.stop();
    };
  };

  readonly snapshot = (): FeedState => this.state;

  /** Looks again now: after something was done, or when somebody doesn't want to wait. */
  readonly refresh = (): void => {
    this.wake?.();
    void this.readService(this.stopping?.signal);
  };

  async act(action: string, reason: string): Promise<void> {
    await callJson(`${this.path}/${action}`, { method: "POST", body: { reason } });
    this.refresh();
  }

  private start(): void {
    const stopping = new AbortController();
    this.stopping = stopping;
    void this.follow(stopping.signal);
    void this.refreshing(stopping.signal);
  }

  private stop(): void {
    this.stopping?.abort();
    this.stopping = undefined;
  }

  private set(change: Partial<FeedState>): void {
    this.state = { ...this.state, ...change };
    for (const listener of this.listeners) listener();
  }

  private async follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      let waitMs: number;
      try {
        const service = await callJson<ServiceDetail>(this.path, { signal });
        this.received({ service });
        await this.stream(signal);
        waitMs = this.lost();
      } catch (error) {
        if (signal.aborted) return;
        waitMs = this.answered(error) ? IDLE_MS : this.lost();
      }
      await this.pause(waitMs, signal);
    }
  }

  /** Until the stream ends or says nothing any more. */
  private async stream(signal: AbortSignal): Promise<void> {
    const silence = new AbortController();
    let timer = setTimeout(() => silence.abort(), SILENCE_MS);
    try {
      const response = await call(`${this.path}/evidence/stream`, {
        signal: AbortSignal.any([signal, silence.signal]),
      });
      const reader = response.body?.getReader();
      if (reader === undefined) return;
      const parse = createSseParser();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        clearTimeout(timer);
        timer = setTimeout(() => silence.abort(), SILENCE_MS);
        // A sign of life says that what is shown still holds.
        this.received({});
        for (const { event, data } of parse(value)) if (event === "evidence") this.evidence(data);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  private evidence(data: string): void {
    const before = this.state.evidence?.rollout;
    const evidence = JSON.parse(data) as RolloutEvidence | null;
    this.received({ evidence });
    const now = evidence?.rollout;
    const isChanged =
      before?.id !== now?.id ||
      before?.state !== now?.state ||
      before?.share !== now?.share ||
      before?.reason !== now?.reason;
    if (isChanged) void this.readService(this.stopping?.signal);
  }

  private received(change: Partial<FeedState>): void {
    this.retryMs = FIRST_RETRY_MS;
    this.set({ ...change, connection: "live", lostAt: null, receivedAt: Date.now(), error: null });
  }

  /** Answers how long to wait before the next try, in milliseconds. */
  private lost(): number {
    if (this.state.connection !== "lost") this.set({ connection: "lost", lostAt: Date.now() });
    const waitMs = this.retryMs;
    this.retryMs = Math.min(waitMs * 2, LAST_RETRY_MS);
    return waitMs;
  }

  /** True when the platform answered, only not with what was asked for: then it isn't lost. */
  private answered(error: unknown): boolean {
    if (!(error instanceof ApiError) || error.status >= 500) return false;
    const isWithoutRollout =
      error.status === 404 && this.state.connection === "live" && this.state.service !== null;
    if (!isWithoutRollout) this.set({ connection: "refused", error });
    else if (this.state.evidence !== null) this.set({ evidence: null });
    return true;
  }

  private async refreshing(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await new Promise((resolve) => setTimeout(resolve, REFRESH_MS));
      if (this.state.connection === "live") await this.readService(signal);
    }
  }

  private async readService(signal: AbortSignal | undefined): Promise<void> {
    try {
      const service = await callJson<ServiceDetail>(this.path, signal === undefined ? {} : { signal });
      this.set({ service });
    } catch {
      // The stream's loop is the one that says whether the platform can be reached.
    }
  }

  private async pause(ms: number, signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      const end = () => {
        clearTimeout(timer);
        resolve();
      };
      this.wake = end;
      signal.addEventListener("abort", end, { once: true });
    });
    this.wake = undefined;
  }
}
