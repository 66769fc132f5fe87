import type { WhyAnswer, WhyLink } from "./answer.ts";
import { troubledStep } from "./gather.ts";
import type { WhyFacts, WhySubject } from "./gather.ts";
import { podLinks } from "./pod-links.ts";
import type { WhyPipelineRun, WhyRollout, WhyService, WhyVersion } from "./sources.ts";

/** Longest message and log line: evidence must fit, and the whole chain onto one screen. */
const MESSAGE = 500;
const LOG_LINE = 200;
/** A longer reason is a sentence, which the message tells. */
const SHORT_REASON = 40;

/**
 * The chain from the symptom to the root cause. Pure. The links come in the order service, rollout, version, pipeline
 * run, step; each is where the one before came from. The root cause is the deepest link that isn't well: a version
 * that was rolled back for what it answered was made by a pipeline run that succeeded, which is context, not cause.
 */
export function explain(subject: WhySubject, facts: WhyFacts): WhyAnswer {
  const links: { link: WhyLink; isWell: boolean }[] = [];
  const add = (link: WhyLink | undefined, isWell: boolean): void => {
    if (link !== undefined) links.push({ link: shorten(link), isWell });
  };
  const { service, rollout, version, run } = facts;
  // What the cluster says of pods goes with what they are of, which names the cause.
  const addPods = (pods: WhyFacts["variantPods"]): void => {
    for (const link of podLinks(pods)) add(link, true);
  };
  if (service !== undefined) add(serviceLink(service, facts), isServiceWell(service, facts));
  if (isServiceIll(facts)) addPods(facts.variantPods);
  const rolloutShown = rollout !== undefined && subject.kind !== "run";
  const rolloutFirst = rolloutShown && subject.kind !== "version";
  if (rolloutFirst) {
    add(rolloutLink(rollout, facts), isRolloutWell(rollout));
    if (!isServiceIll(facts)) addPods(facts.variantPods);
  }
  if (version !== undefined && subject.kind !== "run") add(versionLink(version, facts), true);
  if (rolloutShown && !rolloutFirst) {
    add(rolloutLink(rollout, facts), isRolloutWell(rollout));
    addPods(facts.variantPods);
  }
  if (run !== undefined) {
    add(runLink(run, facts), isRunWell(run));
    add(stepLink(run, facts), false);
    // What it left with the platform is told by the step's own link.
    const isToldTwice = facts.stepLog.length > 0;
    addPods(isToldTwice ? facts.stepPods.map((pod) => ({ ...pod, log: [] })) : facts.stepPods);
  }
  return {
    subject: nameOf(subject),
    chain: links.map(({ link }) => link),
    rootCause: rootCauseOf(links),
  };
}

/** The links of what made a version, without judging them: its own, and its pipeline run's. */
export function explainMade(version: WhyVersion | undefined, run: WhyPipelineRun | undefined): WhyLink[] {
  const facts: WhyFacts = { trouble: {}, stepLog: [], stepPods: [], variantLog: [], variantPods: [] };
  return [
    ...(version === undefined ? [] : [versionLink(version, facts)]),
    ...(run === undefined ? [] : [runLink(run, facts)]),
  ].map(shorten);
}

function rootCauseOf(links: readonly { link: WhyLink; isWell: boolean }[]): string {
  const cause = links.findLast(({ isWell }) => !isWell)?.link;
  if (cause !== undefined) return `${cause.kind}/${cause.name} is ${cause.state}: ${cause.message}`;
  const [symptom] = links;
  return symptom === undefined ? "nothing is known" : `nothing is wrong: ${symptom.link.message}`;
}

function nameOf(subject: WhySubject): string {
  if (subject.kind === "version") return `version/${subject.model}/${subject.version}`;
  return `${subject.kind}/${subject.kind === "service" ? subject.model : subject.id}`;
}

function isServiceWell(service: WhyService, facts: WhyFacts): boolean {
  const isUnjudged = service.challenger !== null && isOver(facts);
  return service.champion !== null && service.notReady.length === 0 && !isUnjudged;
}

function isServiceIll({ service }: WhyFacts): boolean {
  return (service?.notReady.length ?? 0) > 0;
}

/** Pods are told of each with its own. */
function isLogTold({ variantLog, variantPods }: WhyFacts): boolean {
  return variantLog.length > 0 && variantPods.length === 0;
}

function isRolloutWell(rollout: WhyRollout): boolean {
  return rollout.state !== "rolledback" && rollout.state !== "held";
}

function isRunWell(run: WhyPipelineRun): boolean {
  return run.state !== "failed" && run.state !== "cancelled";
}

function serviceLink(service: WhyService, facts: WhyFacts): WhyLink {
  const [notReady] = service.notReady;
  const champion = service.champion === null ? "no champion" : `version ${service.champion} is champion`;
  const challenger =
    service.challenger === null
      ? ""
      : `, version ${service.challenger} ${isOver(facts) ? "gets" : "is on trial at"} ${service.weight} %${isOver(facts) ? " by a commit of a person: no rollout judges it" : ""}`;
  const message =
    notReady === undefined
      ? champion + challenger + (facts.rollout === undefined ? trouble(facts, "service") : "")
      : `version ${notReady.version} isn't ready: ${withCode(notReady.reason, notReady.code)}`;
  return {
    kind: "service",
    name: service.name,
    // While a version is on trial, that is the service's state.
    state:
      facts.rollout?.version === service.challenger && !isOver(facts) ? facts.rollout.state : service.state,
    message,
    at: service.changedAt,
    ...(service.commit !== null && { commit: service.commit }),
    ...(notReady !== undefined && isLogTold(facts) && { log: facts.variantLog }),
  };
}

function isOver({ rollout }: WhyFacts): boolean {
  return rollout === undefined || ["promoted", "rolledback", "superseded"].includes(rollout.state);
}

function rolloutLink(rollout: WhyRollout, facts: WhyFacts): WhyLink {
  const said = rollout.sentence ?? rollout.reason ?? facts.trouble.rollout?.message ?? "no verdict yet";
  const subject = `version ${rollout.version}`;
  const isReasonShort = rollout.reason !== null && rollout.reason.length <= SHORT_REASON;
  const isReasonNew = isReasonShort && !said.includes(rollout.reason ?? "");
  const isLogShown = rollout.failedCheck && isLogTold(facts) && !isServiceIll(facts);
  return {
    kind: "rollout",
    name: rollout.id,
    state: isReasonNew ? `${rollout.state} (${rollout.reason})` : rollout.state,
    message: said.includes(subject) ? said : `${subject} of ${rollout.model}: ${said}`,
    at: rollout.changedAt,
    ...(rollout.commit !== null && { commit: rollout.commit }),
    ...(isLogShown && { log: facts.variantLog }),
  };
}

function versionLink(version: WhyVersion, facts: WhyFacts): WhyLink {
  const origin =
    version.pipelineRunId === null
      ? "registered by a client"
      : `made by pipeline run ${version.pipelineRunId}`;
  return {
    kind: "version",
    name: `${version.model}/${version.version}`,
    state: version.aliases.length === 0 ? "registered" : version.aliases.join(", "),
    // What became of it is told by its rollout.
    message:
      origin +
      (version.runsAs === null ? "" : `; ${version.runsAs}`) +
      (facts.rollout === undefined ? trouble(facts, "version") : ""),
    at: version.createdAt,
    ...(version.commit !== null && { commit: version.commit }),
  };
}

function runLink(run: WhyPipelineRun, facts: WhyFacts): WhyLink {
  const made =
    run.model === null || run.version === null ? "" : `made version ${run.version} of ${run.model}`;
  const step = troubledStep(run);
  const fallback = isRunWell(run)
    ? made || stepsDone(run)
    : (newsOf(run, facts.trouble.run?.message) ?? `ended as ${run.state}`);
  // The reason is told by the step's own link, with its log.
  const trouble = step?.state === "failed" ? "failed" : "can't begin";
  const said = step === undefined ? (run.reason ?? fallback) : `step ${step.name} ${trouble}`;
  return {
    kind: "run",
    name: run.id,
    state: run.state,
    message: `project ${run.project}: ${said}${elsewhere(run)}`,
    at: run.finishedAt ?? run.createdAt,
    commit: run.commit,
  };
}

function elsewhere({ broughtFrom }: WhyPipelineRun): string {
  return broughtFrom === undefined ? "" : `; it ran on another platform (${broughtFrom}) and came along`;
}

/** An event's message without what the link says already: which pipeline run it is, and its state. */
function newsOf({ id, state }: WhyPipelineRun, message: string | undefined): string | undefined {
  const known = `pipeline run ${id} ${state}`;
  if (message === known) return state === "cancelled" ? "somebody cancelled it" : undefined;
  return message?.startsWith(`${known}: `) ? message.slice(known.length + 2) : message;
}

function stepLink(run: WhyPipelineRun, facts: WhyFacts): WhyLink | undefined {
  const step = troubledStep(run);
  if (step === undefined) return undefined;
  return {
    kind: "step",
    name: `${run.id}/${step.name}`,
    state: step.state,
    message: withCode(step.reason ?? "it gave no reason", step.code === "STEP_FAILED" ? null : step.code),
    at: step.finishedAt,
    commit: run.commit,
    ...(facts.stepLog.length > 0 && { log: facts.stepLog }),
  };
}

function stepsDone(run: WhyPipelineRun): string {
  const done = run.steps.filter((step) => step.state === "succeeded" || step.state === "cached").length;
  return `${done} of ${run.steps.length} steps done`;
}

function withCode(text: string, code: string | null | undefined): string {
  return code && !text.includes(code) ? `${text} (${code})` : text;
}

function trouble(facts: WhyFacts, kind: keyof WhyFacts["trouble"]): string {
  const event = facts.trouble[kind];
  return event === undefined ? "" : `; ${event.message}`;
}

function shorten(link: WhyLink): WhyLink {
  const cut = (text: string, length: number): string =>
    text.length > length ? `${text.slice(0, length - 1)}…` : text;
  const log = link.log?.map((line) => cut(line, LOG_LINE));
  return { ...link, message: cut(link.message, MESSAGE), ...(log && { log }) };
}
