import { expect, it } from "vitest";
import type { Interval, Judgement } from "../../../src/rollout/judge.ts";
import { createEProcessJudge } from "../../../src/rollout/statistics/e-process-judge.ts";
import { mayDecide } from "../../../src/rollout/statistics/verdict.ts";
import type { RolloutPolicy } from "../../../src/spec/project.ts";
import { judgedPolicy } from "../../contract/judge.ts";
import { singleUnits, underWay } from "./recorded-stream.ts";

const policy: RolloutPolicy = {
  ...judgedPolicy,
  guard: { errors: 0.05, latency: 1 },
  metrics: [
    { name: "errors", worseBy: 0.005 },
    { name: "latency", quantile: 0.9, worseBy: 0.2, floor: 0 },
    { name: "accuracy", from: "labels", worseBy: 0.01, within: 0 },
  ],
};

type Row = [harm: number, safety: number, advance: number, units: number, loss: number];

/** Of errors, latency and labels after each third of a stream, as the plain formulas gave them before they were tuned. */
const RECORDED: { name: string; stream: () => Iterable<Interval>; every: number; rows: Row[] }[] = [
  {
    name: "one unit in every interval",
    stream: () => singleUnits(7, 6000),
    every: 2000,
    rows: [
      [0.565774344255936, 0.9091857403540737, 27.119049733614034, 114, 1],
      [0.48331043620827885, 0.1681682714732734, 38465.480829608954, 114, 12],
      [1.342181382484595, 0.6654227304489528, 0.43025855645574257, 36, 8.75],
      [0.28111188472728804, 0.5898649594084134, 499995242.98576206, 879, 13],
      [0.1997709072654161, 0.11395560695845819, 3.412022494081511e26, 879, 68],
      [0.43449715466567057, 0.6786179790951966, 86.62235899247986, 262, 41.25],
      [0.1560345646330245, 4.544866661345452, 2.7342674199453874e24, 1893, 22],
      [0.13796347963731623, 0.3358003387984675, 5.974280292703048e55, 1893, 136],
      [0.25304717137368093, 0.8498695504892846, 761353.1516289449, 560, 77],
    ],
  },
  {
    name: "units under way",
    stream: () => underWay(7, 600),
    every: 200,
    rows: [
      [0.18280465515419833, 1.0863977456014249, 379256662229.44385, 926, 6],
      [0.17330253806212567, 6.2028339464014435, 1.438009057347331e24, 931, 57],
      [0.16181569902150703, 2.1651390912693222e17, 6.480992566684158e63, 1145, 50.95386438735294],
      [0.13262714301024492, 0.05096981772212645, 831300551148.5721, 2103, 33],
      [0.13191596601043518, 15.564127587934157, 6.726270123398029e75, 2111, 208],
      [0.12441507587814701, 8.766311675192747e31, 8.92218417321633e127, 2442, 116.40175905809737],
      [0.11368203714692132, 0.030800144845257865, 1648885440.0468946, 3102, 75],
      [0.11334590441654936, 1.7464540171668346, 3.4426481022952176e81, 3126, 307],
      [0.10917990459327422, 5.92177152521499e45, 1.256324533584208e185, 3533, 172.7160944576375],
    ],
  },
  {
    name: "callers who leave one arm more often",
    stream: () => underWay(8, 600),
    every: 200,
    rows: [
      [0.19598017548304802, 0.09818608045215717, 573044561.4750682, 1172, 14],
      [0.17497019187177668, 0.051600866932605675, 1.1195046415236385e29, 1176, 113],
      [0.15603494123525627, 8.477622374168374e15, 5.5891269853885705e65, 1272, 59.90786540156698],
      [0.12744473154559985, 0.035618704345521376, 436076881.70668423, 2292, 49],
      [0.12667206885365967, 0.12715913162774853, 3.825921342196695e78, 2299, 256],
      [0.12362374850019649, 6.648143345129293e31, 9.906147117961156e129, 2494, 120.39325476291125],
      [0.11128402649262432, 0.029702255300487954, 0.029819676716349375, 3409, 97],
      [0.1109171178186795, 0.029591696722532142, 1.083488793602563e40, 3434, 385],
      [0.10675255043668519, 5.241067606491012e47, 5.514206705355976e193, 3711, 181.21464226490372],
    ],
  },
];

for (const { name, stream, every, rows } of RECORDED) {
  for (const usesUpStates of [false, true]) {
    it(`gives what it gave, ${name}${usesUpStates ? ", in place" : ""}`, () => {
      const judge = createEProcessJudge({ usesUpStates });
      let state = judge.start(policy, 0, { maxLifeMs: 8000 });
      const given: Row[] = [];
      let seen = 0;
      for (const interval of stream()) {
        state = judge.observe(state, interval, policy);
        if (++seen % every === 0) given.push(...rowsOf(judge.judge(state, policy, 0)));
      }
      expect(given.length).toBe(rows.length);
      given.flat().forEach((value, i) => expect(value / rows.flat()[i]! - 1).toBeCloseTo(0, 9));
    });
  }
}

function rowsOf({ metrics }: Judgement): Row[] {
  return metrics.map(({ harm, safety, advance, challenger }) => [
    harm,
    safety,
    advance,
    challenger.units,
    challenger.loss,
  ]);
}

it("says of every look whether it may decide", () => {
  const judge = createEProcessJudge({ usesUpStates: true });
  for (const seed of [7, 8]) {
    let state = judge.start(policy, 0, { maxLifeMs: 8000 });
    const told = { may: 0, mayNot: 0 };
    for (const interval of underWay(seed, 300)) {
      state = judge.observe(state, interval, policy);
      const levels = [0, 1, 2].map((step) => judge.judge(state, policy, step));
      const decides = levels.some(({ verdict, advance }) => verdict !== "undecided" || advance);
      if (decides) expect(mayDecide(state, policy)).toBe(true);
      told[mayDecide(state, policy) ? "may" : "mayNot"]++;
    }
    expect(Math.min(told.may, told.mayNot)).toBeGreaterThan(0);
  }
});

it("leaves the state that it is given as it was, and shares nothing that changes", () => {
  const judge = createEProcessJudge();
  const intervals = [...underWay(9, 200)];
  let state = judge.start(policy, 0, { maxLifeMs: 8000 });
  const kept: { state: typeof state; text: string }[] = [];
  for (const interval of intervals) {
    kept.push({ state, text: JSON.stringify(state) });
    state = judge.observe(state, interval, policy);
  }
  for (const { state: earlier, text } of kept) expect(JSON.stringify(earlier)).toBe(text);
});

it("starts anew although a state that was used up began the same", () => {
  const judge = createEProcessJudge({ usesUpStates: true });
  const fresh = JSON.stringify(judge.start(policy, 0));
  let state = judge.start(policy, 0);
  for (const interval of underWay(9, 50)) state = judge.observe(state, interval, policy);
  expect(JSON.stringify(judge.start(policy, 0))).toBe(fresh);
});
