import type { Clock } from "../../base/clock.ts";
import { SlipwayError } from "../../http/errors.ts";
import { bringExperiment } from "../../import/driver/import-all.ts";
import { bringLoggedModels } from "../../import/driver/bring-models.ts";
import { bringRegistry } from "../../import/driver/bring-registry.ts";
import { bringRuns } from "../../import/driver/bring-runs.ts";
import { bringTraces } from "../../import/driver/bring-traces.ts";
import { MlflowSource } from "../../import/driver/mlflow-source.ts";
import { Platform } from "../../import/driver/platform.ts";
import { Tally, type Report } from "../../import/driver/tally.ts";
import type { ProjectExport } from "../wire.ts";
import { checkTarget, look } from "./check-target.ts";
import { Conflicts } from "./conflicts.ts";
import type { PushContext } from "./context.ts";
import { GitMove, type RefMove } from "./git-move.ts";
import { Peer, type Side, type Waiting } from "./peer.ts";
import { bringPipelineRuns, checkPipelineRuns } from "./pipeline-runs.ts";
import type { PushReport } from "./report.ts";
import { requireRights, requireVersion } from "./requirements.ts";
import { takesSame } from "./same-bytes.ts";
import { modelFilters, runFilters, scopeOf } from "./scope.ts";
import { bringService } from "./service.ts";

export interface PushOptions {
  project: string;
  /** Experiments that come along beside the project's own. */
  experiments: readonly string[];
  isDryRun: boolean;
  /** Compares also what looks unchanged since an earlier push. */
  isRecheck: boolean;
  /** Things that are sent at one time. */
  jobs: number;
}

export interface PushProjectDeps extends Waiting {
  source: Side;
  target: Side;
  options: PushOptions;
  clock: Pick<Clock, "now">;
  /** For git: proxies and certificates of the person who pushes. */
  env: Readonly<Record<string, string | undefined>>;
  /** Folder for Git's history on its way. */
  temporary: string;
  changed(report: Report): void;
  /** What it does now, for people. */
  said(line: string): void;
}

const LEFT = [
  "rollouts and their evidence, logs of steps, the prediction log and the audit log: they stay where they happened",
  "evaluation datasets, scorers, prompts and webhooks",
];

/**
 * Takes a project with its history, what was tracked, its model and its service to another platform. It looks at
 * everything first: a conflict ends it before anything is written. It may be killed anywhere and called again: what is
 * there is passed over, what was begun is sent again, and the end is the same.
 */
export async function pushProject(deps: PushProjectDeps): Promise<PushReport> {
  const startedAt = deps.clock.now();
  const from = new Peer(deps.source, deps);
  const to = new Peer(deps.target, deps);
  const about = await from.get<ProjectExport>(`/projects/${deps.options.project}/export`);
  const tenant = await requireReady(from, to, about, deps);
  // From here on by their names: a default must not mean one tenant here and another one there.
  const sides = {
    source: { ...deps.source, tenant: about.tenant },
    target: { ...deps.target, tenant },
  };
  deps.said(`reading ${about.project} at ${sides.source.url}`);
  const git = await GitMove.fetch(deps, sides.source, about.project);
  try {
    // Its pipeline run may not have begun: it would have to be trained there.
    if (about.head !== null && (await git.commitOf(about.head.ref)) !== about.head.commit)
      throw new SlipwayError("PUSH_UNDER_WAY", `somebody has just pushed to ${about.project}`);
    const isTenantNamed = deps.target.tenant !== undefined;
    return await pushWith({ ...deps, ...sides, isTenantNamed }, about, git, startedAt);
  } finally {
    await git.remove();
  }
}

/** Refuses what can't become a push, before anything is read or written; answers the target's tenant. */
async function requireReady(
  from: Peer,
  to: Peer,
  about: ProjectExport,
  deps: PushProjectDeps,
): Promise<string> {
  if (about.head === null)
    throw new SlipwayError("NOT_FOUND", `project ${about.project} has no commit yet`, {
      hint: "Push a commit to it with git first.",
    });
  const [running] = about.underWay;
  if (running !== undefined)
    throw new SlipwayError("PUSH_UNDER_WAY", `pipeline run ${running} of ${about.project} is under way`, {
      given: about.underWay.join(", ").slice(0, 300),
    });
  const tenant = await requireRights(to, deps.target.tenant);
  await requireVersion(to, about);
  return tenant;
}

async function pushWith(
  deps: PushProjectDeps & { isTenantNamed: boolean },
  about: ProjectExport,
  git: GitMove,
  startedAt: number,
): Promise<PushReport> {
  const { options, target, clock } = deps;
  const { context, taken } = await contextOf(deps, about, startedAt);
  deps.said(`looking what is at ${target.url} already`);
  const moves = await checkAll(context, git, deps.isTenantNamed);
  const { tally, platform } = context.import;
  if (options.isDryRun) await platform.find(context.sourceName);
  else {
    await platform.begin(context.sourceName, undefined);
    const { name: model } = about.model ?? {};
    await context.to.post(`/pushes/${platform.importId}/project`, {
      project: about.project,
      ...(model === undefined ? {} : { model }),
    });
  }
  await sendTracked(context);
  const pipelineRuns = await bringPipelineRuns(context);
  // Behind the pipeline runs: a commit whose run is there starts none.
  if (!options.isDryRun) await sendCommits(deps, about, git, moves);
  const { report } = tally;
  const onTrial = about.model?.onTrial ?? null;
  if (onTrial !== null) tally.skip(`the trial of version ${onTrial}: only the champion goes live there`);
  const isSent = report.problemCount === 0;
  const service = isSent ? await bringService(context, { ...deps, now: clock.now }) : null;
  const done: PushReport = {
    project: about.project,
    source: { url: deps.source.url, platform: about.platform, tenant: about.tenant },
    target: { url: target.url, tenant: target.tenant ?? "" },
    isDryRun: options.isDryRun,
    startedAt,
    endedAt: clock.now(),
    counts: report.counts,
    pipelineRuns,
    bytes: report.bytes,
    bytesThere: taken(),
    refs: moves.map(({ ref, commit, from }) => ({ ref, commit, from })),
    experiments: report.experiments,
    service,
    skipped: [...report.skipped, ...LEFT],
    problems: report.problems,
    problemCount: report.problemCount,
    isComplete: isSent,
  };
  if (!options.isDryRun) await platform.end({ ...done, problems: done.problems.slice(0, 100) });
  return done;
}

async function contextOf(
  deps: PushProjectDeps,
  about: ProjectExport,
  startedAt: number,
): Promise<{ context: PushContext; taken: () => number }> {
  const { source, target, options, sleep, random } = deps;
  const waiting = { sleep, random };
  const mlflow = (side: Side): MlflowSource =>
    new MlflowSource({ ...side, workspace: side.tenant, ...waiting });
  const from = new Peer(source, waiting);
  const to = new Peer(target, waiting);
  const platform = new Platform({ ...target, ...waiting });
  const sourceName = `slipway:${about.platform}/${about.tenant}`;
  const tallied = { source: sourceName, version: about.version, tenant: target.tenant ?? "", startedAt };
  const tally = new Tally({ ...tallied, isDryRun: options.isDryRun }, deps.changed);
  let bytesThere = 0;
  const mlflowSource = mlflow(source);
  const context: PushContext = {
    from,
    to,
    source: mlflowSource,
    target: mlflow(target),
    about,
    sourceName,
    scope: await scopeOf(mlflowSource, about, options.experiments),
    conflicts: new Conflicts(),
    import: {
      source: mlflowSource,
      platform,
      tally,
      options: { ...options, withArtifacts: true },
      takesSame: takesSame(to, platform, (bytes) => (bytesThere += bytes)),
    },
  };
  return { context, taken: () => bytesThere };
}

/** Everything that could stand in the way, at once; PUSH_CONFLICT names it. Answers what Git has to move. */
async function checkAll(context: PushContext, git: GitMove, isTenantNamed: boolean): Promise<RefMove[]> {
  const { about, to, conflicts } = context;
  const [project] = await look(context, "project", [about.project]);
  if (project?.state === "elsewhere")
    conflicts.add({ kind: "project", id: about.project, why: "the name is taken there" });
  if (about.model !== null) {
    const [service] = await look(context, "service", [about.model.name]);
    if (service?.state === "elsewhere")
      conflicts.add({ kind: "service", id: about.model.name, why: "the name is taken there" });
  }
  const isThere = project?.state === "here" && (await hasRepository(to, about.project));
  const moves = project?.state === "elsewhere" ? [] : await git.plan(to.side, isThere);
  for (const { ref, conflict } of moves)
    if (conflict !== undefined) conflicts.add({ kind: "git", id: ref, why: conflict });
  await checkPipelineRuns(context);
  const same = await checkTarget(context);
  const isElsewhere = project?.state === "elsewhere" && !isTenantNamed;
  conflicts.refuse(
    to.side.url,
    isElsewhere
      ? `No --tenant was given, so ${to.side.tenant ?? ""} was meant: name the tenant that has it, or another project.`
      : undefined,
  );
  context.import.isThere = (kind, id) => same.has(kind, id);
  return moves;
}

/** A name is given away before its repository is made. */
async function hasRepository(to: Peer, project: string): Promise<boolean> {
  try {
    await to.get(`/projects/${project}`);
    return true;
  } catch (error) {
    if (error instanceof SlipwayError && error.status === 404) return false;
    throw error;
  }
}

async function sendTracked(context: PushContext): Promise<void> {
  const { scope, about } = context;
  const brought = { runs: new Set<string>(), loggedModels: new Set<string>() };
  const targets = new Map<string, string>();
  for (const { experiment } of scope.experiments) {
    const to = await bringExperiment(context.import, experiment);
    if (to !== undefined) targets.set(experiment.experiment_id, to);
  }
  const each = async (
    work: (part: PushContext["scope"]["experiments"][number], to: string) => Promise<void>,
  ) => {
    for (const part of scope.experiments) {
      const to = targets.get(part.experiment.experiment_id);
      if (to !== undefined) await work(part, to);
    }
  };
  await each(async (part, to) => {
    for (const filter of runFilters(part))
      await bringRuns(context.import, part.experiment.experiment_id, to, brought.runs, filter);
  });
  // A logged model's metrics may be of another experiment's runs, so all runs come first.
  await each(async (part, to) => {
    const { experiment_id: id } = part.experiment;
    for (const filter of modelFilters(part))
      await bringLoggedModels(context.import, id, to, brought.loggedModels, filter);
    if (part.only === undefined) await bringTraces(context.import, id, to);
  });
  const { services } = await context.from.get<{ services: { name: string }[] }>("/services");
  const served = new Set([...services.map(({ name }) => name), ...scope.models]);
  await bringRegistry(context.import, {
    ...brought,
    models: scope.models,
    // What serves is said by each platform itself.
    ownAliases: (name) => (served.has(name) && about.model?.name === name ? ["champion", "challenger"] : []),
  });
}

/** The branch that runs goes first: the target takes it for the one that runs there too. */
async function sendCommits(
  { said, target }: PushProjectDeps,
  about: ProjectExport,
  git: GitMove,
  moves: readonly RefMove[],
): Promise<void> {
  if (moves.length === 0) return;
  said(`sending commits of ${about.project}`);
  const first = moves.filter(({ ref }) => ref === about.head?.ref);
  await git.push(target, first);
  await git.push(
    target,
    moves.filter((move) => !first.includes(move)),
  );
}
