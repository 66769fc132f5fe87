// The router's way of a unit without processes: pools that answer when told to, and a caller that may leave.
import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import type { TrafficRule } from "../../src/serving/backend.ts";
import { FRAME_KIND, NO_RUN } from "../../src/serving/frames.ts";
import type { PredictionRecord } from "../../src/serving/outcomes.ts";
import type { InferTarget, PredictionDeps } from "../../src/serving/router/prediction-deps.ts";
import { CopiesUnderWay } from "../../src/serving/router/copies-under-way.ts";
import { OutcomeCounters } from "../../src/serving/router/outcome-counters.ts";
import type { PredictionLog } from "../../src/serving/router/prediction-log.ts";
import { HttpReply } from "../../src/serving/router/reply.ts";
import { RequestCounts } from "../../src/serving/router/request-counts.ts";
import { RuleBook } from "../../src/serving/router/rule-book.ts";
import type { SampleLog } from "../../src/serving/router/sample-log.ts";
import type { SeenCallers } from "../../src/serving/router/seen-callers.ts";
import { ShadowCounters } from "../../src/serving/router/shadow-counters.ts";
import { Unit } from "../../src/serving/router/unit.ts";
import type { PoolAnswer } from "../../src/serving/router/variant-pool.ts";
import type { Variants } from "../../src/serving/router/variants.ts";

/** The workers of one version: requests wait until the test answers them. */
export class FakePool {
  full = false;
  readonly waiting: ((answer: PoolAnswer) => void)[] = [];
  cancelled = 0;

  isFull(): boolean {
    return this.full;
  }

  refusal(): string | undefined {
    return this.full ? "has more requests than it can hold" : undefined;
  }

  request(_kind: number, _body: Buffer, _timeoutMs: number, done: (answer: PoolAnswer) => void) {
    const own = (answer: PoolAnswer) => done(answer);
    this.waiting.push(own);
    return {
      cancel: () => {
        const index = this.waiting.indexOf(own);
        if (index === -1) return;
        this.waiting.splice(index, 1);
        this.cancelled += 1;
      },
    };
  }

  /** Answers the request that waits longest. */
  answer(status: number | "lost", prediction = ""): void {
    const done = this.waiting.shift();
    if (done === undefined) throw new Error("nothing waits here");
    done(
      status === "lost"
        ? "lost"
        : { id: 1, status, prediction, isBinary: false, body: Buffer.from(`${status}`), ...NO_RUN },
    );
  }
}

/** What a caller sees. */
export class FakeCaller extends EventEmitter {
  headersSent = false;
  destroyed = false;
  status = 0;
  body = "";
  headers: Record<string, string | number> = {};

  writeHead(status: number, headers: Record<string, string | number>): void {
    this.headersSent = true;
    this.status = status;
    this.headers = headers;
  }

  end(body: string | Uint8Array): void {
    this.body = typeof body === "string" ? body : new TextDecoder().decode(body);
    this.emit("close");
  }

  leave(): void {
    this.destroyed = true;
    this.emit("close");
  }
}

export class FakeServing {
  readonly pools = new Map<number, FakePool>();
  readonly records: PredictionRecord[] = [];
  /** Taken from the front; 0.999 when there are none left. */
  randoms: number[] = [];
  ticks = 0;
  readonly deps: PredictionDeps & { rules: RuleBook };
  readonly rule: TrafficRule;

  constructor(rule: TrafficRule, seen?: SeenCallers) {
    this.rule = rule;
    for (const version of [rule.champion, rule.challenger])
      if (version !== undefined) this.pools.set(version, new FakePool());
    const rules = new RuleBook();
    rules.put(rule);
    const variants = { find: ({ version }: { version: number }) => this.pools.get(version) };
    const add: PredictionLog["add"] = (record, prediction = "", shadow) => {
      const parse = (text: string) =>
        text === "" ? {} : { prediction: JSON.parse(text) as (string | number)[] };
      this.records.push({
        ...record,
        ...parse(prediction),
        ...(shadow === undefined
          ? {}
          : { shadow: { version: shadow.version, status: shadow.status, ...parse(shadow.prediction) } }),
      });
    };
    this.deps = {
      rules,
      variants: variants as unknown as Variants,
      outcomes: new OutcomeCounters("one", () => this.ticks, 0),
      shadows: new ShadowCounters("one"),
      requests: new RequestCounts(),
      copies: new CopiesUnderWay(),
      seen: seen as SeenCallers,
      log: { add } as unknown as PredictionLog,
      samples: { take: () => undefined } as unknown as SampleLog,
      now: () => 1_000,
      ticks: () => this.ticks,
      random: () => this.randoms.shift() ?? 0.999,
      newRequestId: () => "made",
    };
  }

  pool(version: number): FakePool {
    const pool = this.pools.get(version);
    if (pool === undefined) throw new Error(`no version ${version}`);
    return pool;
  }

  /** A request whose body has come. */
  send(options: { headers?: Record<string, string>; version?: number; body?: Buffer } = {}): FakeCaller {
    const { headers = {}, version, body = Buffer.from("{}") } = options;
    const caller = new FakeCaller();
    const target: InferTarget = { protocol: "v2", model: this.rule.service };
    if (version !== undefined) target.version = version;
    const reply = new HttpReply(caller as unknown as ServerResponse, "v2", "id");
    Unit.begin(reply, { target, requestId: "id", kind: FRAME_KIND.v2, body, headers }, this.deps);
    return caller;
  }

  cells() {
    return this.deps.outcomes.report();
  }
}
