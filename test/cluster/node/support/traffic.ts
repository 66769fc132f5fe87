import { Agent, request, type ClientRequest, type IncomingMessage } from "node:http";

/** One request as its caller saw it. */
export interface Call {
  question: number;
  id: string;
  /** When it was sent and when its answer was there, in milliseconds since the epoch. */
  sentAt: number;
  endedAt: number;
  /** 0: no answer came, for the `failure`. */
  status: number;
  failure?: string;
  /** On a connection that had answered before: its other end may close it at the moment of the request. */
  isReused: boolean;
  /** The version that answered. */
  variant: string;
  value: number | undefined;
  /** How the same question went on a new connection, asked once more because this one had no answer. */
  again?: Pick<Call, "status" | "failure" | "variant" | "value">;
}

interface TrafficOptions {
  url: string;
  /** By which the platform is known there; default: its address. */
  host?: string;
  model: string;
  token: string;
  /** Requests per second, whether or not answers keep up. */
  rate: number;
  /** Questions are drawn from 0 to one less. */
  questions: number;
}

const PATIENCE_MS = 10_000;
const TICK_MS = 5;
/** More of them means that nothing is answered any more. */
const MOST_UNDER_WAY = 2_000;

/**
 * A caller outside: asks at a fixed rate over connections that stay open, and keeps what became of every request. What got
 * no answer is asked once more, as a gateway would, and told beside the first attempt, never in its place.
 */
export class Traffic {
  readonly calls: Call[] = [];
  readonly #options: TrafficOptions;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #timer: NodeJS.Timeout;
  #last = performance.now();
  #due = 0;
  #asked = 0;
  #underWay = 0;
  #idle: (() => void) | undefined;

  constructor(options: TrafficOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** Those sent at or after that time. */
  since(from: number): Call[] {
    return this.calls.filter(({ sentAt }) => sentAt >= from);
  }

  /** Resolves when all that was asked has ended. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    if (this.#underWay > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
    this.#agent.destroy();
  }

  #tick(): void {
    const now = performance.now();
    this.#due += ((now - this.#last) / 1000) * this.#options.rate;
    this.#last = now;
    for (; this.#due >= 1; this.#due--) void this.#call(this.#asked++);
  }

  async #call(count: number): Promise<void> {
    const sentAt = Date.now();
    // A gateway deals requests out in turn: in a fixed order each version would be asked the same again and again.
    const question = Math.floor(Math.random() * this.#options.questions);
    const id = `outside-${process.pid}-${this.#options.model}-${sentAt}-${count}`;
    if (this.#underWay >= MOST_UNDER_WAY) {
      const given = { status: 0, failure: "too many have no answer", isReused: false };
      this.calls.push({ question, id, sentAt, endedAt: sentAt, ...given, variant: "", value: undefined });
      return;
    }
    this.#underWay++;
    const first = await this.#ask(question, id, this.#agent);
    const endedAt = Date.now();
    const again = first.status === 0 ? await this.#ask(question, `${id}-again`) : undefined;
    this.calls.push({ question, id, sentAt, endedAt, ...first, ...(again && { again }) });
    this.#underWay--;
    if (this.#underWay === 0) this.#idle?.();
  }

  async #ask(
    question: number,
    id: string,
    agent?: Agent,
  ): Promise<Pick<Call, "status" | "failure" | "isReused" | "variant" | "value">> {
    const { url, host, model, token } = this.#options;
    const inputs = [{ name: "index", shape: [1], datatype: "INT64", data: [question] }];
    const body = JSON.stringify({ inputs });
    const asked = request(`${url}/v2/models/${model}/infer`, {
      method: "POST",
      agent: agent ?? false,
      headers: {
        ...(host === undefined ? {} : { host }),
        authorization: `Bearer ${token}`,
        "content-type": "application/json",
        "content-length": Buffer.byteLength(body),
        "x-slipway-request-id": id,
      },
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    asked.end(body);
    try {
      const { answer, text } = await answerOf(asked);
      const { outputs } = JSON.parse(text) as { outputs?: { data: number[] }[] };
      return {
        status: answer.statusCode ?? 0,
        isReused: asked.reusedSocket,
        variant: answer.headers["x-slipway-variant"]?.toString() ?? "",
        value: outputs?.[0]?.data[0],
        ...(answer.statusCode === 200 ? {} : { failure: text.slice(0, 200) }),
      };
    } catch (error) {
      const { code, name } = error as NodeJS.ErrnoException;
      return {
        status: 0,
        failure: code ?? name,
        isReused: asked.reusedSocket,
        variant: "",
        value: undefined,
      };
    }
  }
}

function answerOf(asked: ClientRequest): Promise<{ answer: IncomingMessage; text: string }> {
  return new Promise((settle, fail) => {
    asked.on("error", fail);
    asked.on("response", (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      answer.on("error", fail);
      answer.on("end", () => settle({ answer, text }));
    });
  });
}
