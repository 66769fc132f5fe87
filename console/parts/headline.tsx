import type { Headline, Tone } from "../view/headline.ts";
import { sentence } from "../view/format.ts";
import { Prose } from "./prose.tsx";

const SIGNS: Record<Tone, string> = { calm: "✓", trial: "⚖", attention: "!", out: "↩", empty: "–" };

/** The state in one glance, and the sentence of the evidence below it. */
export function HeadlineBanner({ headline, evidence }: { headline: Headline; evidence: string | null }) {
  return (
    <section className={`headline is-${headline.tone}`} aria-labelledby="headline">
      <span className="sign" aria-hidden="true">
        {SIGNS[headline.tone]}
      </span>
      <div>
        <h2 id="headline" role="status">
          {headline.title}
        </h2>
        {evidence !== null && evidence !== "" && (
          <p className="told">
            <Prose text={`${sentence(evidence)}.`} />
          </p>
        )}
        {headline.detail !== "" && (
          <p className="detail">
            <Prose text={headline.detail} />
          </p>
        )}
      </div>
    </section>
  );
}
