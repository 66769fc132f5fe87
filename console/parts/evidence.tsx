import type { ReactNode } from "react";
import type { RolloutEvidence } from "../../src/rollout/evidence.ts";
import { count, percent, sentence, share, wealth } from "../view/format.ts";
import { progress, strength } from "../view/scale.ts";
import { harmColumns, safetyColumns, shareChanges } from "../view/series.ts";
import { Chart, type Line } from "./chart.tsx";
import { Prose } from "./prose.tsx";
import { Term } from "./term.tsx";

/** Both questions with their evidence: is it worse, and is it as good. */
export function EvidencePanel({ evidence }: { evidence: RolloutEvidence }) {
  const { rollout, harm, harmThreshold, safetyThreshold, metrics, history } = evidence;
  const names = metrics.map(({ metric }) => metric);
  const changes = shareChanges(history);
  const lowest = metrics.reduce((low, { safety }) => Math.min(low, safety ?? Infinity), Infinity);
  const harmLines: Line[] = [
    { label: "all together", tone: "harm", width: 2.5 },
    ...names.map((label, index): Line => ({
      label,
      tone: toneOf(index),
      width: 1.25,
      dash: DASHES[index % 3],
    })),
  ];
  const safetyLines = names.map((label, index): Line => ({
    label,
    tone: toneOf(index),
    width: 1.75,
    dash: DASHES[index % 3],
  }));
  return (
    <section className="card evidence" aria-labelledby="evidence">
      <h3 id="evidence">
        <Term word="evidence">Evidence</Term>
      </h3>
      {!evidence.compares && (
        <p>
          All requests go to one version, so there is none to compare it with. Only the{" "}
          <Term word="guard">guard</Term> watches, unless the project switched it off.
        </p>
      )}
      {evidence.compares && (
        <div className="pair">
          <Question
            ask={
              <>
                Is version {rollout.version} <Term word="harm">worse</Term>?
              </>
            }
            value={harm}
            threshold={harmThreshold}
            then={`of ${wealth(harmThreshold)} that take it out`}
            rate={`at most ${percent(evidence.falseRollbackRate)} of harmless versions`}
            tone="harm"
          >
            <Chart
              label="Evidence that the version is worse, over time"
              columns={harmColumns(history, names)}
              lines={harmLines}
              threshold={{ value: harmThreshold, label: "taken out" }}
              changes={changes}
              format={wealth}
            />
          </Question>
          <Question
            ask={
              <>
                Is it <Term word="safety">as good</Term>? <span className="quiet">(the slowest metric)</span>
              </>
            }
            value={metrics.length === 0 ? 0 : lowest}
            threshold={safetyThreshold}
            then={`of ${wealth(safetyThreshold)} that promote it`}
            rate={`at most ${percent(evidence.falsePromotionRate)} of versions at their margin`}
            tone="safety"
          >
            <Chart
              label="Evidence that the version is as good, over time"
              columns={safetyColumns(history, names)}
              lines={safetyLines}
              threshold={{ value: safetyThreshold, label: "good enough" }}
              changes={changes}
              format={wealth}
            />
            <NextStep evidence={evidence} />
          </Question>
        </div>
      )}
      <Told evidence={evidence} />
    </section>
  );
}

/** The next share needs less than a promotion: only that greater harm is ruled out. */
function NextStep({ evidence: { rollout, metrics, safetyThreshold } }: { evidence: RolloutEvidence }) {
  const next = rollout.steps[rollout.step + 1];
  if (next === undefined || rollout.isShadow || rollout.endedAt !== null) return null;
  const least = metrics.reduce((low, { advance }) => Math.min(low, advance ?? Infinity), Infinity);
  return (
    <p>
      <Term word="step">Next step</Term>, {share(next)}: <b>{wealth(least)}</b> of {wealth(safetyThreshold)}
    </p>
  );
}

const DASHES: (number[] | undefined)[] = [undefined, [6, 4], [2, 3]];

function toneOf(index: number): Line["tone"] {
  return (["first", "second", "third"] as const)[index % 3] ?? "first";
}

interface QuestionProps {
  ask: ReactNode;
  value: number;
  threshold: number;
  then: string;
  rate: string;
  tone: "harm" | "safety";
  children: ReactNode;
}

function Question({ ask, value, threshold, then, rate, tone, children }: QuestionProps) {
  return (
    <div className="question">
      <h4>{ask}</h4>
      <p className="measure">
        <b>{wealth(value ?? Infinity)}</b> {then}: {strength(value, threshold)}
      </p>
      <svg className={`meter is-${tone}`} height="10" aria-hidden="true">
        <rect className="track" width="100%" height="10" rx="5" />
        <rect className="fill" width={`${progress(value, threshold) * 100}%`} height="10" rx="5" />
      </svg>
      <p className="quiet">
        <Term word="threshold">By mistake</Term>: {rate}.
      </p>
      {children}
    </div>
  );
}

function Told({ evidence }: { evidence: RolloutEvidence }) {
  const { change, outlook, notes, guard, badAnswers, rollout } = evidence;
  return (
    <div className="pair told-more">
      {change.length > 0 && (
        <div>
          <h4>What would change it</h4>
          <ul>
            {change.map((line) => (
              <li key={line}>
                <Prose text={line} />
              </li>
            ))}
          </ul>
        </div>
      )}
      <div>
        {outlook.length > 0 && (
          <>
            <h4>What comes next</h4>
            <ul>
              {outlook.map((line) => (
                <li key={line}>
                  <Prose text={line} />
                </li>
              ))}
            </ul>
          </>
        )}
        <p>
          <b>{badAnswers === 0 ? "No" : count(badAnswers)}</b>{" "}
          <Term word="badAnswers">bad {badAnswers === 1 ? "answer" : "answers"}</Term> of version{" "}
          {rollout.version} reached callers.
        </p>
        {notes.map((note) => (
          <p key={note} className="warning">
            <Prose text={`${sentence(note)}.`} />
          </p>
        ))}
        {rollout.continues !== null && (
          <p className="quiet">
            It goes on from the evidence of an earlier trial of the same model ({rollout.continues}).
          </p>
        )}
        {guard !== null && (
          <p className="warning">
            The <Term word="guard">guard</Term> saw {guard.what} of {guardValue(guard, guard.now)}, before the
            trial {guardValue(guard, guard.before)}; {guardValue(guard, guard.limit)} is allowed.
          </p>
        )}
      </div>
    </div>
  );
}

function guardValue(guard: NonNullable<RolloutEvidence["guard"]>, value: number): string {
  return guard.what === "errors" ? percent(value) : `${Math.round(value)} ms`;
}
