import type { EnvironmentCommit, ServiceState } from "../git/environment.ts";
import {
  type CommitToProject,
  isWhatWasAsked,
  projectCommit,
  recordDivergence,
} from "./commands/projection.ts";
import type { RolloutDeps } from "./deps.ts";
import { checkedModel } from "./checked-model.ts";
import { createMutex } from "./mutex.ts";
import {
  selectContracts,
  selectOpenIntent,
  selectProjection,
  selectRollout,
  selectService,
  selectServices,
} from "./rows.ts";
import type { Intent, Projection } from "./state.ts";
import { applyRule, isAboutVersion, trafficRule } from "./traffic.ts";
import { compileOf, variantSettings } from "./variant-settings.ts";

export interface Projector {
  /** Brings the database to the repository's head, if that may have moved since the last time. */
  project(): Promise<Projection>;
  /** A person pushed, or we committed. */
  headMayHaveMoved(): void;
}

/** Reading the head costs a process; nothing but pushes and our own commits moves it, so rarely otherwise. */
const READ_ANYWAY_MS = 5_000;

/** More commits than this since the last look are taken as one: the head's. */
const MOST_COMMITS = 10_000;

/**
 * Steps (4) and (5) of the protocol, for every commit since the last projected one: serve applies an intent's
 * commit and acknowledges it, then the database learns of it, once. Safe to kill anywhere: what was projected is
 * one row, moved in the same transaction.
 */
export function createProjector(deps: RolloutDeps): Projector {
  const alone = createMutex();
  let isStale = true;
  let readAt = 0;
  return {
    headMayHaveMoved: () => void (isStale = true),
    project: () =>
      alone(async () => {
        const age = deps.clock.now() - readAt;
        if (!isStale && age >= 0 && age < READ_ANYWAY_MS) return deps.db.read(selectProjection);
        // Before reading, so that a push in between is not forgotten; a failure is tried again.
        isStale = false;
        try {
          const projection = await project(deps);
          readAt = deps.clock.now();
          return projection;
        } catch (error) {
          isStale = true;
          throw error;
        }
      }),
  };
}

async function project(deps: RolloutDeps): Promise<Projection> {
  const head = await deps.environment.head();
  const projection = await deps.db.read(selectProjection);
  if (head?.commit === projection.commit || (head === null && projection.commit === null)) return projection;
  if (head === null || !(await follows(deps, projection, head))) {
    if (head === null || !projection.adopt) {
      await deps.db.write(recordDivergence, { head: head?.commit ?? "none" });
      return deps.db.read(selectProjection);
    }
    // What is in force has an order of the history that was left; the adopted head must be newer.
    const orderOffset = Math.max(0, projection.order + 1 - head.order);
    await projectOne(deps, head, orderOffset);
    return deps.db.read(selectProjection);
  }
  for (const commit of await commitsToApply(deps, projection.commit, head)) {
    await projectOne(deps, commit, projection.orderOffset);
  }
  return deps.db.read(selectProjection);
}

async function follows(deps: RolloutDeps, projection: Projection, head: EnvironmentCommit): Promise<boolean> {
  return projection.commit === null || deps.environment.isAncestor(projection.commit, head.commit);
}

/**
 * The line of first parents from the last projected commit to the head. When a person's merge has ours as another
 * parent, what lies between was never what ran: the head alone is applied.
 */
async function commitsToApply(
  deps: RolloutDeps,
  since: string | null,
  head: EnvironmentCommit,
): Promise<EnvironmentCommit[]> {
  const commits = await deps.environment.history({ since, until: head.commit, limit: MOST_COMMITS });
  const byId = new Map(commits.map((commit) => [commit.commit, commit]));
  const line: EnvironmentCommit[] = [];
  let next = byId.get(head.commit);
  while (next) {
    line.unshift(next);
    if (next.parent === since) return line;
    next = next.parent === null ? undefined : byId.get(next.parent);
  }
  return [head];
}

async function projectOne(deps: RolloutDeps, commit: EnvironmentCommit, orderOffset: number): Promise<void> {
  const { previous, changes, intent } = await compare(deps, commit);
  const order = commit.order + orderOffset;
  if (intent) await deliver(deps, { commit: commit.commit, order }, intent);
  const args: CommitToProject = {
    commit: commit.commit,
    order,
    orderOffset,
    at: commit.at,
    author: commit.author,
    subject: commit.message.split("\n")[0] ?? "",
    previous,
    changes,
    intentId: intent?.id ?? null,
    defaults: deps.defaults,
    now: deps.clock.now(),
  };
  await deps.db.write(projectCommit, args);
}

/** What a commit changes against what was projected, and the intent that asked for just that. */
async function compare(
  deps: RolloutDeps,
  commit: EnvironmentCommit,
): Promise<{
  previous: string | null;
  changes: CommitToProject["changes"];
  intent: Intent | undefined;
}> {
  const wanted = await deps.environment.read(commit.commit);
  const trailer = commit.trailers["Slipway-Intent"];
  return deps.db.read(async (tx) => {
    const projection = await selectProjection(tx);
    const changes: CommitToProject["changes"] = [];
    const change = (service: string, state: ServiceState | null): void =>
      void changes.push({ service, state, rolloutId: deps.ids.sortable("ro") });
    const known = await selectServices(tx);
    for (const service of known) {
      if (service.champion !== null && !wanted.has(service.name)) {
        change(service.name, null);
      }
    }
    for (const [name, state] of wanted) {
      const before = known.find((service) => service.name === name);
      if (!before || !isSame(before, state)) change(name, state);
    }
    const intent = trailer === undefined ? undefined : await selectOpenIntent(tx, trailer);
    const isOwn =
      intent && intent.fromCommit === (projection.commit ?? "") && isWhatWasAsked(intent, changes);
    return { previous: projection.commit, changes, intent: isOwn ? intent : undefined };
  });
}

function isSame(
  before: { champion: number | null; challenger: number | null; weight: number; shadow: number | null },
  state: ServiceState,
): boolean {
  return (
    before.champion === state.champion &&
    before.challenger === (state.challenger ?? null) &&
    before.weight === state.weight &&
    before.shadow === (state.shadow ?? null)
  );
}

/** Step (4) for a commit of ours. Its variants were ready when it was decided; serve may have been restarted since. */
async function deliver(
  deps: RolloutDeps,
  commit: { commit: string; order: number },
  intent: Intent,
): Promise<void> {
  const { service, rollout, contracts } = await deps.db.read(async (tx) => ({
    service: await selectService(tx, intent.service),
    rollout: await selectRollout(tx, intent.after.rolloutId),
    contracts: await selectContracts(tx, intent.service),
  }));
  const asked = rollout?.request.serving ?? deps.defaults.serving;
  const serving = intent.after.state === "promoted" ? asked : (service?.serving ?? asked);
  const policy = rollout?.request.policy ?? deps.defaults.policy;
  const { variants } = await deps.backend.state();
  const { champion, challenger } = intent.desired;
  try {
    for (const version of challenger === undefined ? [champion] : [champion, challenger]) {
      if (variants.some((variant) => variant.service === intent.service && variant.version === version))
        continue;
      const sha256 = contracts.get(version)?.sha256;
      if (sha256 === undefined) return;
      const compile = compileOf(serving);
      const copy = await checkedModel(deps, { service: intent.service, version, sha256, compile });
      await deps.backend.prepare(
        { service: intent.service, version, ...copy, ...variantSettings(serving) },
        AbortSignal.timeout(120_000),
      );
    }
    await applyRule(
      deps.backend,
      trafficRule(intent.desired, commit, { serving, policy, tenant: service?.tenant }),
    );
  } catch (error) {
    // The service's own loop finds the rule out of date and says what is wrong with the version.
    if (!isAboutVersion(error)) throw error;
  }
}
