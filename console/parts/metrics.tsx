import type { RolloutEvidence } from "../../src/rollout/evidence.ts";
import { count, milliseconds, percent, sentence, wealth } from "../view/format.ts";
import { latencyColumns, marginInPoints, rateColumns, shareChanges } from "../view/series.ts";
import { Chart } from "./chart.tsx";
import { Term } from "./term.tsx";
import { Whiskers } from "./whiskers.tsx";

type Metric = RolloutEvidence["metrics"][number];

const VERDICTS: Record<Metric["verdict"], { word: string; sign: string }> = {
  "within-margin": { word: "as good", sign: "✓" },
  worse: { word: "worse", sign: "✕" },
  undecided: { word: "undecided", sign: "…" },
};

const BLOCKED: Record<NonNullable<Metric["blockedBy"]>, string> = {
  "aborts-differ":
    "Callers leave one version's requests more often than the other's, so the two can't be compared.",
  "labels-differ":
    "True answers come more often for one version than for the other, so the two can't be compared.",
  "champion-unknown": "Too little is known of the champion yet to compare with.",
};

/** One card per metric: both versions side by side, and over time. */
export function Metrics({ evidence }: { evidence: RolloutEvidence }) {
  return (
    <div className="metrics">
      {evidence.compares &&
        evidence.metrics.map((metric) => (
          <MetricCard key={metric.metric} metric={metric} evidence={evidence} />
        ))}
      <Leavers evidence={evidence} />
      <Latency evidence={evidence} />
    </div>
  );
}

/** Callers who leave before the answer: nobody's metric, and a harm all the same. */
function Leavers({ evidence }: { evidence: RolloutEvidence }) {
  const { left, rollout, harmThreshold, metrics, guard, verdict } = evidence;
  if (left === undefined || !evidence.compares) return null;
  const isBlamed =
    verdict === "worse" && guard === null && !metrics.some((metric) => metric.verdict === "worse");
  const rows = [
    { name: `version ${rollout.version}`, arm: "challenger", of: left.challenger },
    { name: championName(evidence), arm: "champion", of: left.champion },
  ] as const;
  return (
    <section className="card metric" aria-labelledby="left">
      <header>
        <h3 id="left">Callers who left</h3>
        {isBlamed && (
          <span className="verdict is-worse">
            <span aria-hidden="true">✕</span> worse
          </span>
        )}
      </header>
      <p className="quiet">
        Requests whose caller was gone before the answer. Evidence that they leave the version on trial more
        often: <b>{wealth(left.harm)}</b> of {wealth(harmThreshold * LEFT_SHARE)} that take it out by itself.
      </p>
      <ul className="plain">
        {rows.map(({ name, arm, of }) => (
          <li key={arm}>
            <i className={`dot is-${arm}`} />
            {name}: {told(of)}
          </li>
        ))}
      </ul>
    </section>
  );
}

/** Of the wealth against harm a tenth stands for callers who leave. */
const LEFT_SHARE = 10;

function MetricCard({ metric, evidence }: { metric: Metric; evidence: RolloutEvidence }) {
  const { rollout, history } = evidence;
  const { word, sign } = VERDICTS[metric.verdict];
  const points = metric.kind === "latency" ? null : marginInPoints(metric.margin);
  return (
    <section className="card metric" aria-label={metric.metric}>
      <header>
        <h3>{nameOf(metric)}</h3>
        <span className={`verdict is-${metric.verdict}`}>
          <span aria-hidden="true">{sign}</span> {word}
        </span>
      </header>
      <p className="quiet">
        <What metric={metric} /> <Term word="margin">Margin</Term> {metric.margin}.
      </p>
      <Whiskers
        rows={[
          {
            name: `version ${rollout.version}`,
            arm: "challenger",
            estimate: metric.challengerRate,
            counted: told(metric.challenger),
          },
          {
            name: rollout.champion === null ? "champion" : `version ${rollout.champion}`,
            arm: "champion",
            estimate: metric.championRate,
            counted: told(metric.champion),
          },
        ]}
        limit={points === null || metric.championRate === null ? null : metric.championRate.rate + points}
      />
      {metric.blockedBy !== undefined && <p className="warning">{BLOCKED[metric.blockedBy]}</p>}
      <Chart
        label={`${metric.metric} of both versions since the trial began`}
        columns={rateColumns(history, metric.metric)}
        lines={[
          { label: championName(evidence), tone: "champion", width: 2, hasBand: true },
          { label: `version ${rollout.version}`, tone: "challenger", width: 2, hasBand: true },
        ]}
        changes={shareChanges(history)}
        isCut
        format={percent}
      />
      <p className="quiet">
        Since the trial began; the band is the <Term word="interval">95 % interval</Term>.
      </p>
    </section>
  );
}

/** What is counted: of accuracy the wrong answers, of latency the slow requests. */
function nameOf({ kind, metric }: Metric): string {
  if (kind === "errors") return "Errors";
  return `${sentence(metric)}: ${kind === "latency" ? "slow requests" : "wrong answers"}`;
}

function What({ metric }: { metric: Metric }) {
  if (metric.kind === "errors") return <>Requests that failed.</>;
  if (metric.kind === "labels")
    return (
      <>
        Wrong among the answers that have <Term word="labels">labels</Term>.
      </>
    );
  const { slowAbove } = metric;
  return (
    <>
      Requests that were <Term word="slow">slow</Term>
      {slowAbove !== undefined &&
        `: above ${milliseconds(slowAbove.champion)}, on trial above ${milliseconds(slowAbove.challenger)}`}
      .
    </>
  );
}

function told({ loss, units }: { loss: number; units: number }): string {
  return `${count(loss)} of ${count(units)}`;
}

function championName({ rollout }: RolloutEvidence): string {
  return rollout.champion === null ? "champion" : `version ${rollout.champion}`;
}

/** How long answers took, for people: the test looks at the share of slow ones. */
function Latency({ evidence }: { evidence: RolloutEvidence }) {
  const { latency, rollout, history } = evidence;
  const rows = [
    { name: `version ${rollout.version}`, arm: "challenger", of: latency.challenger },
    { name: championName(evidence), arm: "champion", of: latency.champion },
  ] as const;
  const show = (value: number | undefined) => (value === undefined ? "–" : milliseconds(value));
  return (
    <section className="card metric" aria-labelledby="times">
      <header>
        <h3 id="times">Time to answer</h3>
      </header>
      <p className="quiet">
        How long requests took; <Term word="p95">p95</Term> over time.
      </p>
      <table className="times">
        <thead>
          <tr>
            <th scope="col">
              <span className="hidden">version</span>
            </th>
            <th scope="col">half below</th>
            <th scope="col">95 % below</th>
            <th scope="col">99 % below</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ name, arm, of }) => (
            <tr key={arm}>
              <th scope="row">
                <i className={`dot is-${arm}`} />
                {name}
              </th>
              <td>{show(of?.p50)}</td>
              <td>{show(of?.p95)}</td>
              <td>{show(of?.p99)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <Chart
        label="95th percentile of the time to answer of both versions"
        columns={latencyColumns(history)}
        lines={[
          { label: championName(evidence), tone: "champion", width: 2 },
          { label: `version ${rollout.version}`, tone: "challenger", width: 2 },
        ]}
        changes={shareChanges(history)}
        format={milliseconds}
      />
    </section>
  );
}
