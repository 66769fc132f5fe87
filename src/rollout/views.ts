import type { ReadTx } from "../store/database.ts";
import {
  selectContracts,
  selectRolloutOf,
  selectRollouts,
  selectServiceOf,
  selectServicesOf,
} from "./rows.ts";
import { ofTenant } from "./service-owners.ts";
import type { Rollout, Service } from "./state.ts";

/** What our JSON API says of a service. */
export interface ServiceView {
  name: string;
  project: string;
  champion: { version: number; since: number | null } | null;
  challenger: { version: number } | null;
  /** Per cent to the challenger that Git says. */
  weight: number;
  state: string;
  rollout: {
    id: string;
    version: number;
    state: string;
    reason: string | null;
    sentence: string | null;
  } | null;
  commit: string | null;
  /** What the controller is stuck at. */
  problem: string | null;
}

export async function serviceViews(tx: ReadTx, tenant: string): Promise<ServiceView[]> {
  const views: ServiceView[] = [];
  for (const service of await selectServicesOf(tx, tenant)) views.push(await serviceView(tx, service));
  return views;
}

export async function oneServiceView(tx: ReadTx, tenant: string, name: string): Promise<object | undefined> {
  const service = await selectServiceOf(tx, tenant, name);
  if (!service) return undefined;
  const history = await tx.all<object>(
    `SELECT commit_id AS "commit", commit_order AS "order", at, author, subject, champion, challenger, weight,
       rollout_id AS "rolloutId" FROM rollout_history WHERE service = ? ORDER BY commit_order DESC LIMIT 50`,
    [name],
  );
  const labels = await tx.all<{ state: string; count: number }>(
    "SELECT state, COUNT(*) AS count FROM rollout_labels WHERE service = ? GROUP BY state",
    [name],
  );
  return {
    ...(await serviceView(tx, service)),
    previousChampion: service.previousChampion,
    history,
    labels: Object.fromEntries(labels.map(({ state, count }) => [state, Number(count)])),
  };
}

export async function rolloutViews(tx: ReadTx, tenant: string, model: string | undefined): Promise<object[]> {
  const own = ofTenant("service");
  const found =
    model === undefined
      ? await selectRollouts(tx, own, [tenant], "DESC", 100)
      : await selectRollouts(tx, `service = ? AND ${own}`, [model, tenant], "DESC", 100);
  return found.map(rolloutView);
}

/** With its evidence, the commits it made, and who did what. */
export async function oneRolloutView(tx: ReadTx, tenant: string, id: string): Promise<object | undefined> {
  const rollout = await selectRolloutOf(tx, tenant, id);
  if (!rollout) return undefined;
  const commits = await tx.all<object>(
    `SELECT commit_id AS "commit", commit_order AS "order", at, subject, champion, challenger, weight
     FROM rollout_history WHERE rollout_id = ? ORDER BY commit_order`,
    [id],
  );
  const audit = await tx.all<object>(
    "SELECT at, who, what, reason FROM rollout_audit WHERE rollout_id = ? ORDER BY seq LIMIT 200",
    [id],
  );
  const contract = (await selectContracts(tx, rollout.service)).get(rollout.version);
  return {
    ...rolloutView(rollout),
    policy: rollout.request.policy,
    evidence: rollout.judgement,
    answers: await answersOf(tx, id),
    contract: contract ? { passed: contract.passed, message: contract.message } : null,
    commits,
    audit,
  };
}

/** What is known of each arm's answers: all that ended, as of the last look, and those with a label among them. */
async function answersOf(tx: ReadTx, rolloutId: string): Promise<Record<string, object>> {
  const ended = await tx.all<{ arm: string; answered: number; failed: number }>(
    `SELECT arm, SUM(finished) AS answered, SUM(failed) AS failed FROM rollout_cursors
     WHERE rollout_id = ? GROUP BY arm`,
    [rolloutId],
  );
  const labelled = await tx.all<{ arm: string; labelled: number; wrong: number }>(
    `SELECT arm, COUNT(*) AS labelled, SUM(loss) AS wrong FROM rollout_labels
     WHERE rollout_id = ? AND state = 'joined' GROUP BY arm`,
    [rolloutId],
  );
  return Object.fromEntries(
    ["champion", "challenger"].map((arm) => {
      const of = ended.find((row) => row.arm === arm);
      const known = labelled.find((row) => row.arm === arm);
      return [
        arm,
        {
          answered: Number(of?.answered ?? 0),
          failed: Number(of?.failed ?? 0),
          labelled: Number(known?.labelled ?? 0),
          wrong: Number(known?.wrong ?? 0),
        },
      ];
    }),
  );
}

async function serviceView(tx: ReadTx, service: Service): Promise<ServiceView> {
  const condition = "service = ? AND state IN ('pending', 'checking', 'progressing', 'held')";
  const [running] = await selectRollouts(tx, condition, [service.name], "DESC", 1);
  const [last] = running ? [running] : await selectRollouts(tx, "service = ?", [service.name], "DESC", 1);
  const since = await tx.get<{ at: number | null }>(
    `SELECT MIN(at) AS at FROM rollout_history h WHERE service = ? AND champion = ? AND commit_order >
       COALESCE((SELECT MAX(commit_order) FROM rollout_history WHERE service = h.service
         AND (champion IS NULL OR champion <> ?)), 0)`,
    [service.name, service.champion, service.champion],
  );
  const contracts = await selectContracts(tx, service.name);
  const failed = [service.champion, service.challenger]
    .map((version) => (version === null ? undefined : contracts.get(version)))
    .find((contract) => contract && !contract.passed);
  return {
    name: service.name,
    project: service.project,
    champion: service.champion === null ? null : { version: service.champion, since: since?.at ?? null },
    challenger: service.challenger === null ? null : { version: service.challenger },
    weight: service.weight,
    state: running ? running.state : service.champion === null ? "empty" : "steady",
    rollout: last
      ? {
          id: last.id,
          version: last.version,
          state: last.state,
          reason: last.reason ?? (last.endedAt === null ? service.problem : null),
          sentence: last.sentence,
        }
      : null,
    commit: service.commit,
    problem: service.problem ?? failed?.message ?? unjudged(service, running),
  };
}

/** A person's commit may name a challenger with no share; nothing takes that one out by itself. */
function unjudged({ challenger, weight }: Service, running: Rollout | undefined): string | null {
  if (challenger === null || running?.version === challenger) return null;
  return (
    `version ${challenger} gets ${weight} % by a commit of a person, and no rollout judges it; ` +
    "`slipway rollback` takes it out, or a commit to environment.git that leaves it out"
  );
}

function rolloutView(rollout: Rollout): Record<string, unknown> {
  const { request } = rollout;
  return {
    id: rollout.id,
    model: rollout.service,
    version: rollout.version,
    champion: rollout.champion,
    kind: rollout.kind,
    state: rollout.state,
    reason: rollout.reason,
    sentence: rollout.sentence,
    step: rollout.step,
    verdict: rollout.judgement?.verdict ?? null,
    project: request.project,
    projectCommit: request.commit,
    pipelineRunId: request.pipelineRunId ?? null,
    requestedBy: request.requestedBy,
    approvedBy: rollout.approvedBy,
    createdAt: rollout.createdAt,
    progressingAt: rollout.progressingAt,
    deadlineAt: rollout.deadlineAt,
    endedAt: rollout.endedAt,
  };
}
