import type { RolloutEvidence } from "../../src/rollout/evidence.ts";
import { useNow } from "../live/use-feed.ts";
import { clockTime, count, percent } from "../view/format.ts";
import { Term } from "./term.tsx";

/** Where copies were answered otherwise than the requests, with examples. */
export function Shadow({ shadow }: { shadow: NonNullable<RolloutEvidence["shadow"]> }) {
  const now = useNow();
  const { compared, differed, dropped, examples } = shadow;
  return (
    <section className="card" aria-labelledby="shadow">
      <h3 id="shadow">
        <Term word="shadow">Copies</Term> answered differently
      </h3>
      <p>
        <b>
          {count(differed)} of {count(compared)}
        </b>
        {compared > 0 && ` (${percent(differed / compared)})`}
        {dropped > 0 && (
          <span className="quiet">; {count(dropped)} copies weren't sent, to spare the machine</span>
        )}
      </p>
      {examples.length > 0 && (
        <div className="scroll">
          <table>
            <thead>
              <tr>
                <th scope="col">Request</th>
                <th scope="col">When</th>
                <th scope="col">Champion answered</th>
                <th scope="col">On trial answered</th>
              </tr>
            </thead>
            <tbody>
              {examples.map((example) => (
                <tr key={example.requestId}>
                  <td>
                    <code>{example.requestId}</code>
                  </td>
                  <td>{clockTime(example.at, now)}</td>
                  <td>
                    <code>{example.champion.join(", ")}</code>
                  </td>
                  <td>
                    <code>{example.challenger.join(", ")}</code>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
