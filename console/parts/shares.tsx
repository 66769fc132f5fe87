import type { RolloutEvidence } from "../../src/rollout/evidence.ts";
import { useNow } from "../live/use-feed.ts";
import { ago, clockTime, share } from "../view/format.ts";
import type { ServiceDetail } from "../view/service.ts";
import { Term } from "./term.tsx";

/** Who gets how many of the requests, and how far the trial is on its way. */
export function Shares({ service, evidence }: { service: ServiceDetail; evidence: RolloutEvidence | null }) {
  const now = useNow();
  const running = evidence !== null && evidence.rollout.endedAt === null ? evidence.rollout : null;
  const given = running === null ? service.weight : running.share;
  const challenger = running?.version ?? service.challenger?.version ?? null;
  const champion = service.champion?.version ?? null;
  const since = service.champion?.since ?? null;
  return (
    <section className="card shares" aria-labelledby="shares">
      <h3 id="shares">Who answers</h3>
      <svg
        className="bar"
        height="14"
        role="img"
        aria-label={`Version on trial: ${share(given)} of requests`}
      >
        <rect className="champion" x="0" y="0" width="100%" height="14" rx="4" />
        {given > 0 && (
          <rect className="challenger" x="0" y="0" width={`${Math.max(given, 1)}%`} height="14" rx="4" />
        )}
      </svg>
      <dl className="who">
        {challenger !== null && (
          <div>
            <dt>
              <i className="dot is-challenger" />
              Version {challenger} <Term word="challenger">on trial</Term>
            </dt>
            <dd>{running?.isShadow === true ? "copies only" : share(given)}</dd>
          </div>
        )}
        <div>
          <dt>
            <i className="dot is-champion" />
            {champion === null ? "No version" : `Version ${champion}`} <Term word="champion">champion</Term>
            {since !== null && <span className="quiet"> since {clockTime(since, now)}</span>}
          </dt>
          <dd>{champion === null ? "–" : share(100 - given)}</dd>
        </div>
      </dl>
      {running !== null && <Way rollout={running} now={now} />}
    </section>
  );
}

function Way({ rollout, now }: { rollout: RolloutEvidence["rollout"]; now: number }) {
  const { steps, step, progressingAt, requestedBy } = rollout;
  const stops = [...steps, 100];
  return (
    <>
      {steps.length > 0 && (
        <p className="way">
          <Term word="step">Steps</Term>
          {stops.map((stop, index) => (
            <span
              key={stop}
              className={
                index === step && !rollout.isShadow ? "stop is-now" : index < step ? "stop is-past" : "stop"
              }
              {...(index === step ? { "aria-current": "step" as const } : {})}
            >
              {share(stop)}
            </span>
          ))}
        </p>
      )}
      <p className="quiet">
        Asked for by {requestedBy}
        {progressingAt !== null &&
          `, on trial since ${clockTime(progressingAt, now)} (${ago(progressingAt, now)})`}
        .
      </p>
    </>
  );
}
