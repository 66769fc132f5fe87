import type { Clock } from "../base/clock.ts";
import { DEFAULT_TENANT } from "../http/identity.ts";
import type { Project } from "../spec/project.ts";
import type { Database } from "../store/database.ts";
import { withAsked, type AskedTraffic } from "./asked-traffic.ts";
import type { gatewayLimits } from "./gateway-limits.ts";
import { labelTraffic } from "./label-traffic.ts";
import { planProject, type Plan, type PlanFacts, type TrafficGiven } from "./plan.ts";
import { selectServiceOf } from "./rows.ts";
import type { TrafficMeter } from "./traffic-meter.ts";

export interface AdvisorDeps {
  db: Database;
  clock: Clock;
  meter: TrafficMeter;
  /** What of a project a gateway that divides requests can't do; absent: our own router divides them. */
  limits?: typeof gatewayLimits | undefined;
  /** Models run in pods of a cluster. */
  isInPods?: boolean;
  /** What kept advice from being given; the process's log. */
  log(line: string, error: unknown): void;
}

/** A push doesn't wait longer than this for advice. */
const ADVICE_WITHIN_MS = 2000;

/** Tells what a push would come to, from the service as it is and the traffic that it has. */
export interface Advisor {
  /** `tenant`: whoever asks; of another's service nothing is told. */
  plan(project: Project, asked?: AskedTraffic, tenant?: string): Promise<Plan>;
  /** Lines for a pusher: what can't be decided, or contradicts itself; none when all is well. */
  advise(project: Project, tenant?: string): Promise<string[]>;
  /** What is measured of a service; undefined: not known yet. */
  trafficOf(service: string): Promise<TrafficGiven | undefined>;
}

export function createAdvisor(deps: AdvisorDeps): Advisor {
  const trafficOf = async (service: string): Promise<TrafficGiven | undefined> => {
    const metered = deps.meter.of(service);
    if (!metered) return undefined;
    const labels = await deps.db.read((tx) => labelTraffic(tx, service, deps.clock.now()));
    return { ...metered, ...(labels ? { labels } : {}), source: "measured" };
  };
  const plan = async (project: Project, asked?: AskedTraffic, tenant = DEFAULT_TENANT): Promise<Plan> => {
    if (!project.model) return planProject(project, { service: null, traffic: undefined });
    const { name } = project.model;
    const service = (await deps.db.read((tx) => selectServiceOf(tx, tenant, name))) ?? null;
    const measured = service === null ? undefined : await trafficOf(name);
    const limits = deps.limits?.(project);
    const facts: PlanFacts = {
      service,
      traffic: withAsked(measured, asked),
      ...(limits && { limits }),
      ...(deps.isInPods && { isInPods: true }),
    };
    return planProject(project, facts);
  };
  return {
    plan,
    trafficOf,
    async advise(project, tenant) {
      const waiting = new AbortController();
      const late = deps.clock.sleep(ADVICE_WITHIN_MS, waiting.signal).then(
        () => undefined,
        () => undefined,
      );
      try {
        const told = await Promise.race([plan(project, undefined, tenant), late]);
        return (told?.warnings ?? []).map((warning) => `rollout: ${warning}`);
      } catch (error) {
        deps.log(`no advice about the push of ${project.name}`, error);
        return [];
      } finally {
        waiting.abort();
      }
    },
  };
}
