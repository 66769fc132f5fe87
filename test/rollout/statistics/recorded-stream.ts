import type { ArmInterval, Cell, Interval } from "../../../src/rollout/judge.ts";
import { ended, intervalOf } from "../../contract/judge.ts";
import { random } from "./random.ts";

/** Edges of its own, so that what was recorded doesn't hang on the product's histogram: 2.2 % apart. */
export const EDGES = Array.from({ length: 768 }, (_, i) => 2 ** (i / 32) / 16);

const NO_LABELS: Record<string, Cell[]> = {};

function bucket(draw: () => number, slower: number): number {
  const sum = draw() + draw() + draw() + draw() - 2;
  return Math.round(32 * Math.log2((50 * slower * Math.exp(0.87 * sum)) / EDGES[0]!));
}

/** One unit in every interval, as simulations feed it; time stands still in some, and some are empty. */
export function* singleUnits(seed: number, units: number): Generator<Interval> {
  const draw = random(seed);
  yield { ...intervalOf(0, [before(draw)]), edges: EDGES, isBaseline: true };
  let at = 0;
  for (let i = 0; i < units; i++) {
    const share = i < units / 3 ? 0.05 : i < units / 2 ? 0.25 : 0.5;
    const isChallenger = draw() < share;
    const isFailed = draw() < (i > units / 4 ? 0.012 : 0.004);
    const unit: ArmInterval = {
      ...ended(1, isFailed ? 1 : 0),
      latency: [[bucket(draw, isChallenger ? 1.1 : 1), 1]],
    };
    const cell: Cell = {
      share,
      champion: isChallenger ? ended(0, 0) : unit,
      challenger: isChallenger ? unit : ended(0, 0),
    };
    const wrong = ended(1, draw() < 0.1 ? 1 : draw() < 0.2 ? 0.25 : 0);
    const label = isChallenger
      ? { ...cell, challenger: wrong }
      : { ...cell, champion: wrong, challenger: ended(0, 0) };
    if (draw() < 0.7) at += draw() * 30;
    if (draw() < 0.01) yield { ...intervalOf(at, []), edges: EDGES };
    const labels = draw() < 0.3 ? { accuracy: [label] } : NO_LABELS;
    yield { ...intervalOf(at, [cell]), edges: EDGES, labels };
  }
}

/** Several cells of many units, most of the time with some under way, and some that their callers left. */
export function* underWay(seed: number, looks: number): Generator<Interval> {
  const draw = random(seed);
  yield { ...intervalOf(0, [before(draw)]), edges: EDGES, isBaseline: true };
  const pending = new Map<string, number>();
  const arm = (
    name: string,
    started: number,
    failing: number,
    slower: number,
    leaving: number,
  ): ArmInterval => {
    const now = (pending.get(name) ?? 0) + started;
    const isOver = draw() < 0.1;
    const over = isOver ? now : Math.floor(now * draw());
    const left = draw() < leaving ? Math.min(over, 1) : 0;
    pending.set(name, now - over);
    const of = ended(over - left, 0);
    for (let i = 0; i < of.ended; i++) if (draw() < failing) of.loss++;
    const latency = new Map<number, number>();
    for (let i = 0; i < of.ended; i++) {
      const at = bucket(draw, slower);
      latency.set(at, (latency.get(at) ?? 0) + 1);
    }
    return {
      ...of,
      pending: now - over,
      aborted: left,
      latency: [...latency],
      ...(left > 0 ? { abortedLatency: [[bucket(draw, 1.5), left]] } : {}),
    };
  };
  for (let look = 1; look <= looks; look++) {
    const failing = look < looks / 2 ? 0.01 : 0.04;
    const slower = look < looks / 3 ? 1 : 1.3;
    const cells = [0.1, 0.3, 1].map((share): Cell => {
      const some = draw() < 0.2 ? 0 : Math.floor(30 * draw());
      return {
        share,
        champion: arm(`champion ${share}`, share < 1 ? some : 0, failing, slower, 0.3),
        challenger: arm(
          `challenger ${share}`,
          Math.round(some * (share < 1 ? share / (1 - share) : 0.2)),
          failing,
          slower * 1.1,
          look < (looks * 2) / 3 ? share * 0.3 : 0.4,
        ),
      };
    });
    const labels = cells.map(({ share, champion, challenger }) => ({
      share,
      champion: ended(champion.ended, champion.ended * 0.1),
      challenger: ended(challenger.ended, challenger.ended * 0.1 * draw()),
    }));
    const requests = draw() < 0.1 ? [] : cells;
    yield { ...intervalOf(look * 400, requests), edges: EDGES, labels: { accuracy: labels } };
  }
}

function before(draw: () => number): Cell {
  const latency = Array.from({ length: 2000 }, (): [number, number] => [bucket(draw, 1), 1]);
  return { share: 0, champion: { ...ended(2000, 12), latency }, challenger: ended(0, 0) };
}
