import { SlipwayError, toSlipwayError } from "../http/errors.ts";
import type { ToldStops } from "./act.ts";
import { createClockWatch } from "./clock-watch.ts";
import { actByHand, type ByHand } from "./commands/by-hand.ts";
import type { LabelsAnswer } from "./commands/labels.ts";
import { recordProblem, requestRollout } from "./commands/requests.ts";
import { Interrupts } from "./interrupts.ts";
import type { Action } from "./situation.ts";
import type { RolloutDeps } from "./deps.ts";
import { type NewLabel, takeInLabels } from "./new-labels.ts";
import { createOutbox } from "./outbox.ts";
import { passOnce } from "./pass.ts";
import { createPredictionLog } from "./prediction-log.ts";
import { createProjector } from "./projector.ts";
import type { RolloutRequest, RolloutRequests } from "./request.ts";
import { selectService, selectServiceOf, selectServices } from "./rows.ts";
import { ServiceLoops } from "./service-loops.ts";
import { createStoredJudge } from "./stored-judge.ts";
import type { RolloutKind } from "./state.ts";

/** What a person asks of one service. */
type What = Pick<ByHand, "service" | "do" | "who" | "roles" | "reason">;

/** The rollouts of all services. */
export interface Rollouts extends RolloutRequests {
  /** Begins to reconcile; resolves at once. The signal ends it; `ended` tells when the last pass is over. */
  start(signal: AbortSignal): void;
  ended(): Promise<void>;
  /** One pass over one service: what a loop does, for tests that hold the clock. Undefined: no such service. */
  pass(service: string, signal?: AbortSignal): Promise<Action | undefined>;
  /** What a person does; `rolloutId` of the rollout that it concerns or has started, `note` where nothing was to do. */
  byHand(what: What): Promise<{ rolloutId: string | null; note?: string }>;
  /** A client asked by MLflow's API that this version be champion. */
  championRequested(model: string, version: number): Promise<{ rolloutId: string | null; how: RolloutKind }>;
  labels(service: string, labels: readonly NewLabel[]): Promise<LabelsAnswer>;
}

const TICK_MS = 200;
/** Without a running rollout: whether serve still has what Git says, and the prediction log before it is dropped. */
const IDLE_MS = 5_000;

/** What a client that set the alias is told. */
const WHAT_FOLLOWS: Record<RolloutKind, (version: number) => string> = {
  canary: (version) => `puts version ${version} on trial; the alias moves when it is promoted`,
  "blue-green": (version) =>
    `gives version ${version} all requests once it has passed its contract check; the alias moves when it is promoted`,
  instant: (version) => `makes version ${version} the champion once it has passed its contract check`,
};

/** Wires the loops; registers for pushes and alias requests at once. */
export function createRollouts(deps: RolloutDeps): Rollouts {
  const judge = createStoredJudge();
  const projector = createProjector(deps);
  const publish = createOutbox(deps);
  const log = createPredictionLog(deps);
  const told: ToldStops = new Map();
  const watchClock = createClockWatch(deps);
  const interrupts = new Interrupts();
  const context = { deps, judge, projector, ingest: log.ingest, told, interrupts };

  async function pass(name: string, signal = new AbortController().signal): Promise<Action | undefined> {
    try {
      await watchClock();
      return await passOnce(context, name, signal);
    } finally {
      await publish();
    }
  }

  const lastDone = new Map<string, string>();
  /** Milliseconds until the next pass. The same action twice in a row has no effect yet: not at once again. */
  function pauseAfter(name: string, action: Action | undefined): number {
    const done = JSON.stringify(action);
    const isRepeat = lastDone.get(name) === done;
    lastDone.set(name, done ?? "");
    if (!action || (action.do === "wait" && action.why === "nothing-to-do")) return IDLE_MS;
    return action.do === "wait" || isRepeat ? (deps.tickMs ?? TICK_MS) : 0;
  }

  const loops = new ServiceLoops({
    clock: deps.clock,
    async pass(name, signal) {
      const action = await pass(name, signal);
      await settleProblem(deps, name, null);
      return pauseAfter(name, action);
    },
    async failed(name, error) {
      deps.log(`the rollout of ${name} will be tried again`, error);
      const { message } = toSlipwayError(error);
      await settleProblem(deps, name, message).catch((second: unknown) => deps.log(message, second));
    },
    async names() {
      await watchClock();
      // A push may name services that no request has named.
      await projector.project();
      await log.ingest();
      return (await deps.db.read(selectServices)).map((service) => service.name);
    },
    idleMs: IDLE_MS,
    log: deps.log,
  });
  deps.environment.onPush(() => {
    projector.headMayHaveMoved();
    interrupts.interruptAll();
    loops.wakeAll();
  });

  async function request(rollout: RolloutRequest, kind: RolloutKind): Promise<{ rolloutId: string }> {
    const answer = await deps.db.write(requestRollout, {
      id: deps.ids.sortable("ro"),
      kind,
      request: rollout,
      now: deps.clock.now(),
    });
    interrupts.interrupt(rollout.model);
    loops.wake(rollout.model);
    return answer;
  }

  const rollouts: Rollouts = {
    start: (signal) => loops.start(signal),
    ended: () => loops.ended(),
    pass,
    request: (rollout) => request(rollout, rollout.policy.kind),
    async byHand(what) {
      const { champion, ...done } = await deps.db.write(actByHand, {
        ...what,
        rolloutId: deps.ids.sortable("ro"),
        defaults: deps.defaults,
        now: deps.clock.now(),
      });
      // A resume may have said to adopt a head that was read before.
      projector.headMayHaveMoved();
      if (what.do === "rollback") interrupts.interrupt(what.service);
      if (champion) return request(await backToPrevious(deps, what), "instant");
      loops.wakeAll();
      return done;
    },
    async championRequested(model, version) {
      const service = await deps.db.read((tx) => selectService(tx, model));
      const policy = service?.policy ?? deps.defaults.policy;
      // A project that wants a person's yes gets no switch behind that person's back.
      const isSwitch = policy.onAliasSet === "switch" && policy.approval === "none";
      const how: RolloutKind = isSwitch ? "instant" : policy.kind;
      if (service?.champion === version) return { rolloutId: null, how };
      const asked = await request(
        {
          key: deps.ids.sortable("alias"),
          project: service?.project ?? model,
          ...(service ? { tenant: service.tenant } : {}),
          commit: "",
          model,
          version,
          policy,
          serving: service?.serving ?? deps.defaults.serving,
          requestedBy: "mlflow client",
          ...(isSwitch ? { atOnce: true } : {}),
        },
        how,
      );
      return { ...asked, how };
    },
    async labels(service, labels) {
      const known = await deps.db.read((tx) => selectService(tx, service));
      if (!known) throw new SlipwayError("NOT_FOUND", `there is no service ${service}`);
      log.keepFor(service);
      return takeInLabels(deps, log, service, labels);
    },
  };
  deps.registry.onChampionRequested(async (tenant, model, version) => {
    // Without a service the alias is only a name, as with any other model registry.
    if (!(await deps.db.read((tx) => selectServiceOf(tx, tenant, model)))) return "no-service";
    const { rolloutId, how } = await rollouts.championRequested(model, version);
    if (rolloutId === null) return { note: `version ${version} is the champion of ${model} already` };
    return { note: `rollout ${rolloutId} ${WHAT_FOLLOWS[how](version)}` };
  });
  return rollouts;
}

async function backToPrevious(deps: RolloutDeps, what: What): Promise<RolloutRequest> {
  const service = await deps.db.read((tx) => selectService(tx, what.service));
  if (!service || service.previousChampion === null) {
    throw new SlipwayError("ROLLOUT_NOT_RUNNING", `${what.service} has had no champion before this one`);
  }
  return {
    key: deps.ids.sortable("by-hand"),
    project: service.project,
    tenant: service.tenant,
    commit: "",
    model: service.name,
    version: service.previousChampion,
    policy: service.policy ?? deps.defaults.policy,
    serving: service.serving ?? deps.defaults.serving,
    requestedBy: what.reason === "" ? what.who : `${what.who} (${what.reason})`,
    atOnce: true,
  };
}

async function settleProblem(deps: RolloutDeps, service: string, problem: string | null): Promise<void> {
  const known = await deps.db.read((tx) => selectService(tx, service));
  if (known && known.problem !== problem) await deps.db.write(recordProblem, { service, problem });
}
