import type { PodReport } from "../base/pod-report.ts";
import type { WhyEvent, WhyPipelineRun, WhyRollout, WhyService, WhySources, WhyVersion } from "./sources.ts";

/** What `slipway why` was asked about. */
export type WhySubject =
  | { kind: "run"; id: string }
  | { kind: "version"; model: string; version: number }
  | { kind: "rollout"; id: string }
  | { kind: "service"; model: string };

/** Everything that may stand between the subject and its root cause, read once. */
export interface WhyFacts {
  service?: WhyService;
  rollout?: WhyRollout;
  version?: WhyVersion;
  run?: WhyPipelineRun;
  /** The newest warning or error about each, by `kind`. */
  trouble: Partial<Record<"service" | "rollout" | "version" | "run", WhyEvent>>;
  /** Of the first failed step. */
  stepLog: string[];
  /** Of the variant that isn't ready or failed its contract check. */
  variantLog: string[];
  /** Of that variant, in a cluster. */
  variantPods: PodReport[];
  /** Of the step that failed first, or can't begin, in a cluster. */
  stepPods: PodReport[];
}

const LOG_LINES = 8;
/** Beside what the cluster says of a pod. */
const POD_LINES = 4;
const EVENTS = 20;

/** Follows the references from the subject towards where it came from. Empty facts: there is no such subject. */
export async function gather(subject: WhySubject, sources: WhySources): Promise<WhyFacts> {
  const service = subject.kind === "service" ? await sources.service(subject.model) : undefined;
  const rollout = await findRollout(subject, service, sources);
  const version = await findVersion(subject, service, rollout, sources);
  const runId = subject.kind === "run" ? subject.id : (rollout?.pipelineRunId ?? version?.pipelineRunId);
  const run = runId === null || runId === undefined ? undefined : await sources.pipelineRun(runId);
  const failed = run && troubledStep(run);
  const broken = brokenVariant(service, rollout);
  const [
    serviceTrouble,
    rolloutTrouble,
    versionTrouble,
    runTrouble,
    stepLog,
    stepPods,
    variantLog,
    variantPods,
  ] = await Promise.all([
    service && newestTrouble(sources, `service/${service.name}`),
    rollout && newestTrouble(sources, `rollout/${rollout.id}`),
    version && newestTrouble(sources, `version/${version.model}/${version.version}`),
    run && newestTrouble(sources, `pipeline-run/${run.id}`),
    run && failed ? sources.stepLog(run.id, failed.name, LOG_LINES) : [],
    run && failed ? sources.stepPods(run.id, failed.name, POD_LINES) : [],
    broken ? sources.variantLog(broken.model, broken.version, LOG_LINES) : [],
    broken ? sources.variantPods(broken.model, broken.version, POD_LINES) : [],
  ]);
  return {
    ...(service && { service }),
    ...(rollout && { rollout }),
    ...(version && { version }),
    ...(run && { run }),
    trouble: {
      ...(serviceTrouble && { service: serviceTrouble }),
      ...(rolloutTrouble && { rollout: rolloutTrouble }),
      ...(versionTrouble && { version: versionTrouble }),
      ...(runTrouble && { run: runTrouble }),
    },
    stepLog,
    stepPods,
    variantLog,
    variantPods,
  };
}

/** The step that failed first: later ones often fail, or are skipped, because of it. */
function firstFailedStep(run: WhyPipelineRun): WhyPipelineRun["steps"][number] | undefined {
  return run.steps
    .filter((step) => step.state === "failed")
    .sort(
      (a, b) => (a.finishedAt ?? Number.POSITIVE_INFINITY) - (b.finishedAt ?? Number.POSITIVE_INFINITY),
    )[0];
}

/** What `why` is about: the step that failed first, else one that can't begin. */
export function troubledStep(run: WhyPipelineRun): WhyPipelineRun["steps"][number] | undefined {
  const isKept = ({ state, code }: WhyPipelineRun["steps"][number]): boolean =>
    code !== null && (state === "waiting" || state === "preparing");
  return firstFailedStep(run) ?? run.steps.find(isKept);
}

function findRollout(
  subject: WhySubject,
  service: WhyService | undefined,
  sources: WhySources,
): Promise<WhyRollout | undefined> {
  if (subject.kind === "rollout") return sources.rollout(subject.id);
  if (subject.kind === "version") return sources.rolloutOf(subject.model, subject.version);
  if (service?.rolloutId) return sources.rollout(service.rolloutId);
  return Promise.resolve(undefined);
}

async function findVersion(
  subject: WhySubject,
  service: WhyService | undefined,
  rollout: WhyRollout | undefined,
  sources: WhySources,
): Promise<WhyVersion | undefined> {
  if (subject.kind === "version") return sources.version(subject.model, subject.version);
  if (rollout !== undefined) return sources.version(rollout.model, rollout.version);
  if (service?.champion) return sources.version(service.name, service.champion);
  return undefined;
}

function brokenVariant(
  service: WhyService | undefined,
  rollout: WhyRollout | undefined,
): { model: string; version: number } | undefined {
  const [notReady] = service?.notReady ?? [];
  if (service !== undefined && notReady !== undefined)
    return { model: service.name, version: notReady.version };
  return rollout?.failedCheck === true ? rollout : undefined;
}

async function newestTrouble(sources: WhySources, subject: string): Promise<WhyEvent | undefined> {
  const events = await sources.events(subject, EVENTS);
  return events.find((event) => event.level === "error") ?? events.find((event) => event.level === "warn");
}
