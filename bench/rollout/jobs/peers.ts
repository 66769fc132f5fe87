import { ArgoRollouts } from "../peers/argo-rollouts.ts";
import { Flagger } from "../peers/flagger.ts";
import { Kayenta } from "../peers/kayenta.ts";
import { type Decider, play, type Request, type World } from "../play.ts";
import { BASELINE, DEADLINE, ERRORS, LATENCY, policy } from "../policies.ts";
import { productJudge } from "../product.ts";
import type { Random } from "../random.ts";
import { CORRECT, Slipway } from "../slipway.ts";
import { bursts, logNormal, steady, swing, varying } from "../worlds.ts";
import type { Job } from "./job.ts";
import { SLOW_LOOK_EVERY } from "./speed.ts";

interface Stream {
  name: string;
  title: string;
  /** False where the challenger is as good as the champion: then a rollback is false. */
  isFaulty: boolean;
  world: (random: Random) => World;
}

/** Requests per second unless a row says otherwise. */
export const PEER_RATE = 10;
const LOW_RATE = 0.1;
const DAY = 86_400;
/** Seconds after which a peer that hasn't decided is given up; all of them decide sooner. */
const PEER_DEADLINE = 4 * DEADLINE;

const usual = (_arm: string, _at: number, uniform: number) => logNormal(uniform, 50, 0.5);

function errors(champion: number, challenger: number, rate = PEER_RATE): () => World {
  return () =>
    steady(rate, { failure: (arm) => (arm === "champion" ? champion : challenger), latency: usual });
}

/** A real day's swing of errors (0.2 to 5 %) and traffic (1 to 10 a second), from a random hour on, with bursts. */
function day(random: Random): World {
  const phase = random.next();
  const rate = swing(0.002, 0.05, DAY, phase);
  const traffic = swing(1, PEER_RATE, DAY, phase);
  const isBurst = bursts(random, 1800, 60);
  return varying(2 * PEER_RATE, (at) => traffic(at) * (isBurst(at) ? 2 : 1), {
    failure: (_arm, at) => Math.min(0.3, rate(at) * (isBurst(at) ? 4 : 1)),
    latency: usual,
  });
}

function slower(times: number): () => World {
  return () =>
    steady(PEER_RATE, {
      failure: () => 0.01,
      latency: (arm, at, uniform) => usual(arm, at, uniform) * (arm === "challenger" ? times : 1),
    });
}

export const STREAMS: Stream[] = [
  { name: "equal-0.1", title: "equal, errors 0.1 %", isFaulty: false, world: errors(0.001, 0.001) },
  { name: "equal-1", title: "equal, errors 1 %", isFaulty: false, world: errors(0.01, 0.01) },
  { name: "equal-2", title: "equal, errors 2 %", isFaulty: false, world: errors(0.02, 0.02) },
  {
    name: "equal-low",
    title: `equal, errors 1 %, ${LOW_RATE} requests/s`,
    isFaulty: false,
    world: errors(0.01, 0.01, LOW_RATE),
  },
  { name: "equal-day", title: "equal, errors 0.2 to 5 % over a day", isFaulty: false, world: day },
  { name: "fault-0.1-1", title: "errors 0.1 → 1 %", isFaulty: true, world: errors(0.001, 0.01) },
  { name: "fault-1-2", title: "errors 1 → 2 %", isFaulty: true, world: errors(0.01, 0.02) },
  { name: "fault-1-5", title: "errors 1 → 5 %", isFaulty: true, world: errors(0.01, 0.05) },
  { name: "fault-1-50", title: "errors 1 → 50 %", isFaulty: true, world: errors(0.01, 0.5) },
  { name: "fault-p95", title: "latency × 1.5", isFaulty: true, world: slower(1.5) },
];

interface Watching extends Decider {
  rolledBackAt: number | null;
  promotedAt: number | null;
}

export const RULES: { name: string; title: string; create: () => Watching }[] = [
  {
    name: "slipway",
    title: "Slipway",
    create: () => {
      const conduct = { lookEvery: SLOW_LOOK_EVERY, endsAtPromotion: true, feed: CORRECT };
      return new Slipway(productJudge(), policy([ERRORS, LATENCY]), conduct, BASELINE);
    },
  },
  { name: "flagger", title: "Flagger", create: () => new Flagger() },
  {
    name: "argo-irate",
    title: "Argo Rollouts, query as published",
    create: () => new ArgoRollouts(15),
  },
  {
    name: "argo-5m",
    title: "Argo Rollouts, whole 5 min",
    create: () => new ArgoRollouts(300),
  },
  { name: "kayenta", title: "Kayenta", create: () => new Kayenta() },
];

/** Counts the challenger's bad answers on the way to a decider. */
function counting(decider: Watching, counted: { bad: number; units: number }): Decider {
  return {
    get share() {
      return decider.share;
    },
    get isDone() {
      return decider.isDone;
    },
    get nextTick() {
      return decider.nextTick;
    },
    assigned: (request) => decider.assigned(request),
    ended: (request: Request, at) => {
      if (at >= 0) {
        counted.units++;
        if (request.failed && request.arm === "challenger") counted.bad++;
      }
      decider.ended(request, at);
    },
    labelled: (request, at) => decider.labelled(request, at),
    tick: (at) => decider.tick(at),
  };
}

export const peerJobs: Job[] = STREAMS.flatMap((stream) =>
  RULES.map((rule): Job => ({
    section: "peers",
    name: `peers/${stream.name}/${rule.name}`,
    title: stream.title,
    rollouts: { full: 200, quick: 4 },
    tags: { stream: stream.name, rule: rule.name },
    play: (own, around) => {
      const decider = rule.create();
      const counted = { bad: 0, units: 0 };
      const span = { baseline: BASELINE, seconds: rule.name === "slipway" ? DEADLINE : PEER_DEADLINE };
      play(stream.world(around), counting(decider, counted), own, span);
      return { ...counted, rolledBackAt: decider.rolledBackAt, promotedAt: decider.promotedAt, looks: 0 };
    },
  })),
);
