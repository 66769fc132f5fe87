import type { FeedState } from "../live/feed.ts";
import { useNow } from "../live/use-feed.ts";
import { clockTime, duration } from "../view/format.ts";

/** The platform says that it is there at least this often while nothing changes. */
const QUIET_MS = 20_000;

/** Live or not, and how old what is shown is. Said aloud only when it changes. */
export function Connection({ state, retry }: { state: FeedState; retry: () => void }) {
  const now = useNow();
  if (state.connection === "lost") return <Lost state={state} now={now} retry={retry} />;
  const isLive = state.connection === "live";
  const shown = state.receivedAt === null ? null : Math.max(0, now - state.receivedAt);
  return (
    <p className={isLive ? "connection is-live" : "connection"}>
      <span role="status">{isLive ? "Live" : "Connecting…"}</span>
      {isLive && shown !== null && shown > QUIET_MS && (
        <span>last heard {duration(Math.floor(shown / 1000) * 1000)} ago</span>
      )}
    </p>
  );
}

function Lost({ state, now, retry }: { state: FeedState; now: number; retry: () => void }) {
  const since = duration(Math.floor((now - (state.lostAt ?? now)) / 1000) * 1000);
  return (
    <div className="lost">
      <div>
        <strong role="alert">Connection lost.</strong>{" "}
        {state.receivedAt === null
          ? "Nothing has been received yet."
          : `What you see is from ${clockTime(state.receivedAt, now)}, ${duration(
              Math.floor((now - state.receivedAt) / 1000) * 1000,
            )} old.`}{" "}
        <span className="quiet">Lost for {since}; trying again by itself.</span>
      </div>
      <button type="button" className="button" onClick={retry}>
        Try now
      </button>
    </div>
  );
}
