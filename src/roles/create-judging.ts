import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import type { Clock } from "../base/clock.ts";
import { createAdvisor, type Advisor } from "../rollout/advice.ts";
import { createEvidenceReader } from "../rollout/evidence-reader.ts";
import { evidenceRoutes } from "../rollout/evidence-routes.ts";
import { EvidenceStreams } from "../rollout/evidence-stream.ts";
import { exampleRoutes } from "../rollout/example-routes.ts";
import { gatewayLimits } from "../rollout/gateway-limits.ts";
import { planRoutes } from "../rollout/plan-routes.ts";
import type { Rollouts } from "../rollout/rollouts.ts";
import { rolloutRoutes } from "../rollout/routes.ts";
import { TrafficMeter } from "../rollout/traffic-meter.ts";
import { watchTraffic } from "../rollout/watch-traffic.ts";
import type { ServingControl } from "../serving/admin/serving-control.ts";
import { readContract } from "../serving/contract.ts";
import type { Database } from "../store/database.ts";
import { identify } from "./identify.ts";

interface JudgingDeps {
  db: Database;
  clock: Clock;
  rollouts: Rollouts;
  backend: ServingControl;
  /** Where models lie, by their digest. */
  modelsRoot: string;
  isGatewayRouted: boolean;
  /** Models are served from pods. */
  isInPods: boolean;
  logDefect: (error: unknown, where?: string) => void;
}

/** What people see and are advised of rollouts: how they go, on what evidence, and how long they would take. */
export interface Judging {
  /** What a push may not ask for; undefined: all is possible. */
  limits: typeof gatewayLimits | undefined;
  advise: Advisor["advise"];
  routes(app: FastifyInstance): void;
  /** Follows how much traffic services get, until the signal is aborted. */
  run(signal: AbortSignal): Promise<void>;
}

export function createJudging(deps: JudgingDeps): Judging {
  const { db, clock, rollouts, backend, modelsRoot, isGatewayRouted, isInPods, logDefect } = deps;
  const meter = new TrafficMeter();
  const limits = isGatewayRouted ? gatewayLimits : undefined;
  const log = (line: string, error: unknown): void => logDefect(error, line);
  const advisor = createAdvisor({ db, clock, meter, limits, isInPods, log });
  const evidence = createEvidenceReader({ db, clock, traffic: (service) => meter.of(service) });
  return {
    limits,
    advise: (spec, tenant) => advisor.advise(spec, tenant),
    routes(app) {
      rolloutRoutes(app, { db, rollouts, backend, identify });
      exampleRoutes(app, { db, backend, example: (sha256) => readContract(join(modelsRoot, sha256)) });
      planRoutes(app, { advisor });
      const streams = new EvidenceStreams({ reader: evidence, clock, log: logDefect });
      evidenceRoutes(app, { evidence, streams });
    },
    run: (signal) => watchTraffic({ backend, clock, meter }, signal),
  };
}
