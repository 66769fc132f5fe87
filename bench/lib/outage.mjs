// Callers that go on whatever happens to the platform, and what they saw of an outage.
import { Agent, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

/** Longest that one request may take before its caller gives it up as failed. */
const GIVE_UP_MS = 10_000;

function call(url, agent, body) {
  return new Promise((resolve) => {
    const headers = body === undefined ? {} : { "content-type": "application/json" };
    const sent = request(url, { agent, method: body === undefined ? "GET" : "POST", headers }, (answer) => {
      answer.resume();
      answer.on("end", () => resolve(answer.statusCode === 200));
      answer.on("error", () => resolve(false));
    });
    sent.setTimeout(GIVE_UP_MS, () => sent.destroy());
    sent.on("error", () => resolve(false));
    sent.end(body);
  });
}

/**
 * Sends `perSecond` requests on `connections` kept connections; a request that fails is counted and not sent
 * again. `stop()` resolves with every request as {sent, ended, ok}, times in milliseconds.
 */
export function startCallers({ url, body, perSecond, connections }) {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const seen = [];
  const open = new Set();
  const stopping = new AbortController();
  const caller = async (index) => {
    const every = (1000 * connections) / perSecond;
    let next = performance.now() + (every * index) / connections;
    while (!stopping.signal.aborted) {
      await sleep(Math.max(0, next - performance.now()));
      const sent = performance.now();
      const ok = await call(url, agent, body);
      seen.push({ sent, ended: performance.now(), ok });
      // Closed loop: what was not sent while a request waited isn't sent afterwards all at once.
      next = Math.max(next + every, performance.now());
    }
  };
  for (let index = 0; index < connections; index++) {
    const one = caller(index).finally(() => open.delete(one));
    open.add(one);
  }
  return {
    seen,
    async stop() {
      stopping.abort();
      await Promise.all(open);
      agent.destroy();
      return seen;
    },
  };
}

/** What happened from `since` on: failed requests, the longest time without a good answer, the slowest good one. */
export function outage(seen, since) {
  const good = seen.filter(({ ok }) => ok).sort((a, b) => a.ended - b.ended);
  let gap = 0;
  for (let i = 1; i < good.length; i++)
    if (good[i].ended >= since) gap = Math.max(gap, good[i].ended - Math.max(since, good[i - 1].ended));
  const after = seen.filter(({ ended }) => ended >= since);
  return {
    failed: after.filter(({ ok }) => !ok).length,
    sent: after.length,
    gap,
    slowest: Math.max(0, ...after.filter(({ ok }) => ok).map(({ sent, ended }) => ended - sent)),
  };
}
