import type { Estimate } from "../../src/rollout/evidence.ts";
import { percent } from "../view/format.ts";

interface Row {
  name: string;
  arm: "champion" | "challenger";
  estimate: Estimate;
  /** "72 of 310". */
  counted: string;
}

/** Rates with their intervals on one scale, so that overlap is seen; the limit is the champion's rate with the margin. */
export function Whiskers({ rows, limit }: { rows: Row[]; limit: number | null }) {
  const top = Math.max(limit ?? 0, ...rows.map(({ estimate }) => estimate?.high ?? 0)) * 1.08;
  const at = (value: number) => `${top === 0 ? 0 : (value / top) * 100}%`;
  return (
    <div className="whiskers">
      {rows.map(({ name, arm, estimate, counted }) => (
        <div key={arm} className="whisker">
          <span className="name">
            <i className={`dot is-${arm}`} />
            {name}
          </span>
          <svg height="18" aria-hidden="true">
            <line className="base" x1="0" x2="100%" y1="9" y2="9" />
            {limit !== null && <line className="limit" x1={at(limit)} x2={at(limit)} y1="0" y2="18" />}
            {estimate !== null && (
              <>
                <line
                  className={`range stroke-${arm}`}
                  x1={at(estimate.low)}
                  x2={at(estimate.high)}
                  y1="9"
                  y2="9"
                />
                <circle className={`fill-${arm}`} cx={at(estimate.rate)} cy="9" r="5" />
              </>
            )}
          </svg>
          <span className="value">
            {estimate === null ? (
              "none yet"
            ) : (
              <>
                <b>{percent(estimate.rate)}</b>
                <span className="quiet">
                  {" "}
                  {percent(estimate.low)} to {percent(estimate.high)}; {counted}
                </span>
              </>
            )}
          </span>
        </div>
      ))}
      {limit !== null && (
        <p className="quiet limit-note">
          <i className="limit-mark" /> champion with the margin: {percent(limit)}
        </p>
      )}
    </div>
  );
}
