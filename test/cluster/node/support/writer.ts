import { Agent, request } from "node:http";
import type { ClusterPlatform } from "./platform.ts";

export interface Write {
  sentAt: number;
  endedAt: number;
  status: number;
  failure?: string;
  /** Of the run that was made; its answer was an acknowledgement. */
  id?: string;
}

const EVERY_MS = 100;
const LANES = 8;
/** A leader's successor may take its time; callers of a tracking server wait that long. */
const PATIENCE_MS = 60_000;

/** Somebody who makes one tracking run after the other, and remembers which were acknowledged. */
export class Writer {
  readonly writes: Write[] = [];
  readonly #platform: Pick<ClusterPlatform, "url" | "token">;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #running: Promise<void>;
  #isOver = false;

  constructor(platform: Pick<ClusterPlatform, "url" | "token">) {
    this.#platform = platform;
    this.#running = this.#run();
  }

  since(from: number): Write[] {
    return this.writes.filter(({ sentAt }) => sentAt >= from);
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
    this.#agent.destroy();
  }

  /** Acknowledged runs that the platform doesn't know. */
  async lost(): Promise<string[]> {
    const lost: string[] = [];
    const left = this.writes.flatMap(({ id }) => id ?? []);
    const lane = async (): Promise<void> => {
      for (let id = left.pop(); id !== undefined; id = left.pop()) {
        const { status } = await this.#ask("GET", `/api/2.0/mlflow/runs/get?run_id=${id}`);
        if (status !== 200) lost.push(`${id}: ${status}`);
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    return lost;
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      const sentAt = Date.now();
      const body = JSON.stringify({ experiment_id: "0", start_time: sentAt });
      const { status, text } = await this.#ask("POST", "/api/2.0/mlflow/runs/create", body);
      const endedAt = Date.now();
      const id =
        status === 200
          ? (JSON.parse(text) as { run: { info: { run_id: string } } }).run.info.run_id
          : undefined;
      this.writes.push({
        sentAt,
        endedAt,
        status,
        ...(id === undefined ? { failure: text.slice(0, 200) } : { id }),
      });
      await new Promise((settle) => setTimeout(settle, EVERY_MS));
    }
  }

  #ask(method: string, path: string, body = ""): Promise<{ status: number; text: string }> {
    return new Promise((settle) => {
      const asked = request(`${this.#platform.url}${path}`, {
        method,
        agent: this.#agent,
        headers: {
          authorization: `Bearer ${this.#platform.token}`,
          "content-type": "application/json",
          "content-length": Buffer.byteLength(body),
        },
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      const fail = (error: NodeJS.ErrnoException): void =>
        settle({ status: 0, text: error.code ?? error.name });
      asked.on("error", fail);
      asked.on("response", (answer) => {
        let text = "";
        answer.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
        answer.on("error", fail);
        answer.on("end", () => settle({ status: answer.statusCode ?? 0, text }));
      });
      asked.end(body);
    });
  }
}
