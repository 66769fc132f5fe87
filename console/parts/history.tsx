import { useNow } from "../live/use-feed.ts";
import { ago, clockTime, share } from "../view/format.ts";
import type { ServiceDetail } from "../view/service.ts";

const SHOWN = 8;

/** What ran when, by which commit. */
export function History({ service }: { service: ServiceDetail }) {
  const now = useNow(10_000);
  const { history } = service;
  const rows = (from: number, to?: number) =>
    history.slice(from, to).map((entry) => (
      <li key={entry.commit}>
        <time dateTime={new Date(entry.at).toISOString()} title={clockTime(entry.at, now)}>
          {ago(entry.at, now)}
        </time>
        <span className="subject">{entry.subject}</span>
        <span className="quiet">
          {entry.champion === null ? "nothing serves" : `champion ${entry.champion}`}
          {entry.challenger !== null && `, version ${entry.challenger} at ${share(entry.weight)}`} ·{" "}
          {entry.author} · <code title={entry.commit}>{entry.commit.slice(0, 8)}</code>
        </span>
      </li>
    ));
  return (
    <section className="card" aria-labelledby="history">
      <h3 id="history">History</h3>
      {history.length === 0 ? (
        <p className="quiet">Nothing has run yet.</p>
      ) : (
        <ol className="history">{rows(0, SHOWN)}</ol>
      )}
      {history.length > SHOWN && (
        <details>
          <summary>{history.length - SHOWN} earlier</summary>
          <ol className="history">{rows(SHOWN)}</ol>
        </details>
      )}
    </section>
  );
}
