import type { Clock } from "../../../base/clock.ts";
import { SlipwayError } from "../../../http/errors.ts";
import type { ClusterClient } from "../cluster/client.ts";
import { mapLimited } from "../cluster/parallel.ts";
import type { HealthCheck } from "../component.ts";
import { groupOf, identityKey, identityOf } from "../object.ts";
import type { KubernetesObject, ObjectIdentity } from "../object.ts";
import type { Rendered } from "../render/rendered.ts";
import { causeOfWorkload } from "../status/workload-cause.ts";
import type { Report } from "./progress.ts";
import { readinessOf, usualCondition } from "./readiness.ts";
import type { Readiness } from "./readiness.ts";

/** An object, and by what it says that it works. */
export interface Watched {
  key: string;
  identity: ObjectIdentity;
  version: string;
  condition?: string;
  component: string;
}

export interface NotReady {
  key: string;
  component: string;
  state: "waiting" | "failed" | "missing";
  why: string;
}

const FIRST_LOOK_MS = 250;
const LONGEST_LOOK_MS = 5000;
const AT_ONCE = 8;

/** Everything of a platform that can say whether it works: what components name, and every object by its kind's rule. */
export function watchedOf({ objects, health }: Rendered): Watched[] {
  const found = new Map<string, Watched>();
  for (const { object, component } of objects) {
    const identity = identityOf(object);
    const key = identityKey(identity);
    found.set(key, { key, identity, version: versionOf(object.apiVersion), component });
  }
  for (const check of health) {
    const identity = identityOfCheck(check);
    const key = identityKey(identity);
    // The rule of its kind says the same.
    const usual = ["rolledOut", usualCondition(`${identity.kind}.${identity.group}`)];
    if (usual.includes(check.condition) && found.has(key)) continue;
    found.set(`${key}#${check.condition}`, {
      key,
      identity,
      version: versionOf(check.apiVersion),
      condition: check.condition,
      component: check.component,
    });
  }
  return [...found.values()];
}

/** Without what a chart would make whose objects aren't known here: we don't make them, so there is nothing to wait for. */
export function waitedFor(rendered: Rendered): Watched[] {
  const made = new Set(rendered.objects.map(({ object }) => identityKey(identityOf(object))));
  const unread = new Set(
    rendered.charts.filter(({ state }) => state === "reference").map(({ component }) => component),
  );
  return watchedOf(rendered).filter(({ key, component }) => made.has(key) || !unread.has(component));
}

function identityOfCheck({ apiVersion, kind, namespace, name }: HealthCheck): ObjectIdentity {
  return { group: groupOf(apiVersion), kind, namespace, name };
}

/** `v1` of `apps/v1`. */
export function versionOf(apiVersion: string): string {
  return apiVersion.slice(apiVersion.indexOf("/") + 1);
}

/** Looks once; answers what doesn't work. `isThorough`: for people, with what the pods of a workload say. */
export async function lookReady(
  client: ClusterClient,
  watched: readonly Watched[],
  isThorough = false,
): Promise<NotReady[]> {
  const looked = await mapLimited(watched, AT_ONCE, async (one) => {
    const live = await client.get(one.identity, one.version);
    const readiness = live === undefined ? undefined : judge(live, one.condition);
    if (!isThorough || live === undefined || readiness === undefined || readiness.state === "ready")
      return { one, readiness };
    const cause = await causeOfWorkload(client, live);
    return {
      one,
      readiness: cause === undefined ? readiness : { ...readiness, why: `${readiness.why}: ${cause}` },
    };
  });
  return looked.flatMap(({ one: { key, component }, readiness }): NotReady[] => {
    if (readiness === undefined) return [{ key, component, state: "missing", why: "isn't there" }];
    return readiness.state === "ready" ? [] : [{ key, component, ...readiness }];
  });
}

function judge(live: KubernetesObject, condition: string | undefined): Readiness {
  return condition === undefined ? readinessOf(live) : readinessOf(live, condition);
}

interface WaitDeps {
  clock: Clock;
  report: Report;
  timeoutMs: number;
}

/** Waits until all of it works. PLATFORM_NOT_READY when one can't, or when the time is over, with the reasons. */
export async function waitReady(
  client: ClusterClient,
  watched: readonly Watched[],
  { clock, report, timeoutMs }: WaitDeps,
): Promise<void> {
  const until = clock.now() + timeoutMs;
  const said = new Map<string, string>();
  let left: readonly Watched[] = watched;
  let pause = FIRST_LOOK_MS;
  for (;;) {
    const unready = await lookReady(client, left);
    if (unready.length === 0) {
      report({ step: "ready", done: watched.length, of: watched.length });
      return;
    }
    for (const { key, why } of unready) {
      if (said.get(key) !== why) report({ step: "waiting", key, why });
      said.set(key, why);
    }
    const hasFailed = unready.some(({ state }) => state === "failed");
    if (hasFailed || clock.now() >= until) {
      const last = await lookReady(client, left, true);
      throw notReady(last.length === 0 ? unready : last, hasFailed);
    }
    const keys = new Set(unready.map(({ key }) => key));
    left = left.filter(({ key }) => keys.has(key));
    await clock.sleep(Math.min(pause, Math.max(0, until - clock.now())));
    pause = Math.min(pause * 1.5, LONGEST_LOOK_MS);
  }
}

function notReady(unready: readonly NotReady[], hasFailed: boolean): SlipwayError {
  const worst = hasFailed ? unready.filter(({ state }) => state === "failed") : unready;
  return new SlipwayError(
    "PLATFORM_NOT_READY",
    hasFailed
      ? `${worst.length} of the platform's objects failed`
      : `${worst.length} of the platform's objects aren't ready in time`,
    {
      given: worst
        .slice(0, 10)
        .map(({ key, why }) => `${key}: ${why}`)
        .join("; "),
      details: { objects: unready },
    },
  );
}
