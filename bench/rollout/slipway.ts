import type { Interval, Judge } from "../../src/rollout/judge.ts";
import type { RolloutPolicy } from "../../src/spec/project.ts";
import { Cells } from "./cells.ts";
import type { Decider, Request } from "./play.ts";
import type { JudgeInUse } from "./product.ts";
import { Progress } from "./progress.ts";

/** How requests are told to the judge; all but the defaults are wrong in one respect, to show what that does. */
export interface Feed {
  /** Whether units under way are told. */
  isPendingTold: boolean;
  /** Whether a label waits until its prediction is `within` old. */
  isLabelDue: boolean;
}

export const CORRECT: Feed = { isPendingTold: true, isLabelDue: true };

export interface Conduct {
  /** Seconds between looks; 0: a look at every unit that ends and every label that comes. */
  lookEvery: number;
  /** Whether a promotion ends the rollout. If not it goes on at the last step: harder than what the product does. */
  endsAtPromotion: boolean;
  feed: Feed;
  /** Milliseconds that no request takes longer than: the service's timeout. */
  maxLifeMs?: number;
}

/** As of a service whose `serving.timeout` is the usual 2 s. */
const USUAL_LIFE = 2000;
/** Milliseconds since the epoch at which simulated rollouts begin. */
export const EPOCH = 1_700_000_000_000;

/** A rollout as the product conducts it: looks, verdict, steps, promotion. `share` is 0 until the rollout begins. */
export class Slipway<State> implements Decider {
  share = 0;
  nextTick = 0;
  looks = 0;
  /** Units of both arms. */
  units = 0;
  readonly progress: Progress;
  readonly #judge: Judge<State>;
  readonly #mayDecide: JudgeInUse<State>["mayDecide"];
  readonly #policy: RolloutPolicy;
  readonly #conduct: Conduct;
  readonly #requests: Cells;
  /** False where all metrics are of labels: then requests are nothing to look at. */
  readonly #watchesRequests: boolean;
  readonly #labels: Record<string, { within: number; cells: Cells; waiting: Due[] }> = {};
  #state: State;
  #hasBegun = false;
  #isNew = false;
  /** When the present share came into force: units of a step are those that were assigned since. */
  #stepBegan = 0;

  constructor(
    { judge, mayDecide }: JudgeInUse<State>,
    policy: RolloutPolicy,
    conduct: Conduct,
    baseline: number,
  ) {
    this.#judge = judge;
    this.#mayDecide = mayDecide;
    this.#policy = policy;
    this.#conduct = conduct;
    this.progress = new Progress(policy, conduct.endsAtPromotion);
    this.#requests = new Cells(policy.metrics.some((metric) => "quantile" in metric));
    this.#watchesRequests = policy.metrics.some((metric) => !("from" in metric));
    for (const metric of policy.metrics) {
      if ("from" in metric) {
        const within = conduct.feed.isLabelDue ? metric.within / 1000 : 0;
        this.#labels[metric.name] = { within, cells: new Cells(false), waiting: [] };
      }
    }
    const maxLifeMs = conduct.maxLifeMs ?? USUAL_LIFE;
    this.#state = judge.start(policy, EPOCH - baseline * 1000, { maxLifeMs });
  }

  get isDone(): boolean {
    return this.progress.isDone;
  }

  get rolledBackAt(): number | null {
    return this.progress.rolledBackAt;
  }

  get promotedAt(): number | null {
    return this.progress.promotedAt;
  }

  assigned(request: Request): void {
    if (request.isUnit && this.#conduct.feed.isPendingTold && request.endsAt > request.at)
      this.#requests.at(request.share, request.arm).pending++;
  }

  ended(request: Request, at: number): void {
    if (!request.isUnit) return;
    const box = this.#requests.at(request.share, request.arm);
    if (this.#conduct.feed.isPendingTold && request.endsAt > request.at) box.pending--;
    if (request.aborted) box.abort(request.latency);
    else box.end(request.failed ? 1 : 0, request.latency);
    if (this.#watchesRequests) this.#isNew = true;
    if (!this.#hasBegun) return;
    this.units++;
    if (request.arm === "challenger" && request.at >= this.#stepBegan) this.progress.unitsAtStep++;
    if (this.#conduct.lookEvery === 0 && this.#isNew) this.#look(at);
  }

  labelled(request: Request, at: number): void {
    if (!request.isUnit) return;
    for (const { within, cells, waiting } of Object.values(this.#labels)) {
      const due = request.at + within;
      if (due > at) {
        addDue(waiting, { due, request });
        if (this.#hasBegun && this.#conduct.lookEvery === 0) this.#wake(due);
      } else {
        cells.at(request.share, request.arm).end(request.loss, 0);
        this.#isNew = true;
      }
    }
    if (this.#hasBegun && this.#isNew && this.#conduct.lookEvery === 0) this.#look(at);
  }

  tick(at: number): void {
    this.nextTick = Infinity;
    this.#takeDueLabels(at);
    if (!this.#hasBegun) this.#begin();
    else if (this.#isNew) this.#look(at);
    const { lookEvery } = this.#conduct;
    if (lookEvery > 0) this.#wake(at + lookEvery);
    else for (const { waiting } of Object.values(this.#labels)) this.#wake(waiting[0]?.due ?? Infinity);
  }

  #begin(): void {
    if (this.#isNew || !this.#watchesRequests) this.#observe(0, true);
    this.#hasBegun = true;
    this.#isNew = false;
    this.share = this.progress.share;
  }

  #takeDueLabels(at: number): void {
    for (const { cells, waiting } of Object.values(this.#labels)) {
      while (waiting[0] && waiting[0].due <= at) {
        const { request } = waiting.shift()!;
        cells.at(request.share, request.arm).end(request.loss, 0);
        this.#isNew = true;
      }
    }
  }

  #wake(at: number): void {
    this.nextTick = Math.min(this.nextTick, at);
  }

  #look(at: number): void {
    this.#isNew = false;
    this.looks++;
    this.#observe(at, false);
    if (this.#mayDecide && !this.#mayDecide(this.#state, this.#policy)) return;
    const { progress } = this;
    progress.decide(this.#judge.judge(this.#state, this.#policy, progress.step), at);
    if (this.share !== progress.share) this.#stepBegan = at;
    this.share = progress.share;
  }

  #observe(at: number, isBaseline: boolean): void {
    const interval: Interval = { at: EPOCH + at * 1000, requests: this.#requests.take(), labels: {} };
    if (isBaseline) interval.isBaseline = true;
    for (const [name, { cells }] of Object.entries(this.#labels)) interval.labels[name] = cells.take();
    this.#state = this.#judge.observe(this.#state, interval, this.#policy);
  }
}

interface Due {
  due: number;
  request: Request;
}

/** Sorted by time; labels come nearly in order, so the search from the end is short. */
function addDue(waiting: Due[], added: Due): void {
  let i = waiting.length;
  while (i > 0 && waiting[i - 1]!.due > added.due) i--;
  waiting.splice(i, 0, added);
}
