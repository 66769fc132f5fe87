import { useEffect, useMemo, useState, useSyncExternalStore } from "react";
import { ServiceFeed, type FeedState } from "./feed.ts";

/** Follows a service for as long as the component is shown. */
export function useFeed(model: string): { state: FeedState; feed: ServiceFeed } {
  const feed = useMemo(() => new ServiceFeed(model), [model]);
  return { state: useSyncExternalStore(feed.subscribe, feed.snapshot), feed };
}

/** The time, again every second, for what says how long ago something was. */
export function useNow(everyMs = 1000): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}
