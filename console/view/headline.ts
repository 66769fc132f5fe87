import type { RolloutEvidence } from "../../src/rollout/evidence.ts";
import type { ServiceView } from "../../src/rollout/views.ts";
import { ago, count, duration, sentence, share } from "./format.ts";

/**
 * `calm`: nothing to do. `trial`: something is under way and watched. `attention`: waits for a person.
 * `out`: a version was taken out. `empty`: nothing serves.
 */
export type Tone = "calm" | "trial" | "attention" | "out" | "empty";

/** The state of a service at one glance. */
export interface Headline {
  tone: Tone;
  /** A few words for lists and the tab's title. */
  short: string;
  title: string;
  /** What serves now, and whether somebody has to act. */
  detail: string;
}

/** An ended rollout is what the page opens with for so long; then it is history. */
const NEWS_MS = 24 * 60 * 60 * 1000;

const VERDICTS: Record<RolloutEvidence["verdict"], string> = {
  "within-margin": "as good as the champion",
  worse: "worse than the champion",
  undecided: "undecided",
};

const HELD: Record<string, { short: string; title: string; detail: string }> = {
  "not-enough-data": {
    short: "not enough data",
    title: "not enough data for a verdict",
    detail:
      "Its time is up and too few requests came to tell. Resume for more time, promote it, or roll it back.",
  },
  "by-hand": {
    short: "held by hand",
    title: "held by hand",
    detail:
      "It keeps its share until somebody resumes it. It is still taken out by itself if it turns out worse.",
  },
  "needs-approval": {
    short: "needs approval",
    title: "waits for approval",
    detail: "Somebody who may must approve it before it goes on; or roll it back.",
  },
  "repository-diverged": {
    short: "repository rewritten",
    title: "the environment repository was rewritten",
    detail:
      "Its history no longer contains what runs. Resume takes the repository as it is now for the truth.",
  },
};

/** What a person at night reads first. Pure: `now` in milliseconds since the epoch. */
export function headline(service: ServiceView, evidence: RolloutEvidence | null, now: number): Headline {
  const told = stateOf(service, evidence, now);
  if (service.problem === null || service.problem === service.rollout?.reason) return told;
  return { ...told, tone: "attention", detail: `${sentence(service.problem)}. ${told.detail}`.trim() };
}

function stateOf(service: ServiceView, evidence: RolloutEvidence | null, now: number): Headline {
  const { rollout } = service;
  const of = evidence?.rollout.id === rollout?.id ? evidence : null;
  switch (rollout?.state) {
    case "pending":
    case "checking":
      return beforeTraffic(service, rollout.version, rollout.state);
    case "progressing":
      return onTrial(service, rollout.version, of);
    case "held":
      return held(service, rollout.version, rollout.reason, of);
    case "promoted":
    case "rolledback":
    case "superseded":
      return ended(service, rollout, of, now);
    default:
      return steady(service);
  }
}

function steady(service: ServiceView): Headline {
  if (service.champion === null) {
    return { tone: "empty", short: "no version", title: "No version serves yet", detail: "" };
  }
  const { version } = service.champion;
  return {
    tone: "calm",
    short: `version ${version}`,
    title: `Version ${version} serves all requests`,
    detail: "Nothing is on trial.",
  };
}

function serves(service: ServiceView): string {
  if (service.champion === null) return "No version serves yet.";
  return `Version ${service.champion.version} serves ${service.weight > 0 ? "the rest" : "all requests"}.`;
}

function beforeTraffic(service: ServiceView, version: number, state: "pending" | "checking"): Headline {
  const title =
    state === "pending"
      ? `Version ${version} waits for its turn`
      : `Version ${version} is being checked before it gets a request`;
  return { tone: "trial", short: `version ${version} ${state}`, title, detail: serves(service) };
}

function onTrial(service: ServiceView, version: number, of: RolloutEvidence | null): Headline {
  if (of?.rollout.isShadow === true) {
    return {
      tone: "trial",
      short: `version ${version} gets copies`,
      title: `Version ${version} gets copies of requests`,
      detail: `No caller sees its answers. ${serves(service)}${endOf(of, " The copies end")}`,
    };
  }
  if (of !== null && isSwitched(of)) return switched(service, version, of);
  const verdict = of === null ? "" : `, ${VERDICTS[of.verdict]}`;
  const deadline = of?.rollout.deadlineAt ?? null;
  const left = deadline === null || of === null ? "" : ` Its time is up in ${duration(deadline - of.at)}.`;
  return {
    tone: "trial",
    short: `version ${version} on trial`,
    title: `Version ${version} is on trial: ${share(of?.rollout.share ?? service.weight)} of requests${verdict}`,
    detail: `${serves(service)}${left}`,
  };
}

/** Of blue-green: it answers everything, and the champion waits beside it. */
function isSwitched({ rollout }: RolloutEvidence): boolean {
  return rollout.share === 100 && !rollout.isShadow;
}

function switched(service: ServiceView, version: number, of: RolloutEvidence): Headline {
  const former =
    service.champion === null ? "" : `Version ${service.champion.version} stays ready to go back to.`;
  const bad = unjudged(of);
  return {
    tone: bad === "" ? "trial" : "attention",
    short: `version ${version} on trial`,
    title: `Version ${version} answers all requests, and is watched`,
    detail: `${bad}${former}${endOf(of, " It is promoted")}`.trim(),
  };
}

/** Nothing weighs what a version answers that is compared with none, but for the guard's wide limits: a person must. */
function unjudged({ badAnswers, compares }: RolloutEvidence): string {
  if (compares || badAnswers === 0) return "";
  const bad = badAnswers === 1 ? "1 bad answer" : `${count(badAnswers)} bad answers`;
  return `Callers got ${bad}, and no test judges whether that is more than before: look, and go back if it is. `;
}

function endOf({ at, rollout }: RolloutEvidence, what: string): string {
  return rollout.phaseEndsAt === null ? "" : `${what} in ${duration(rollout.phaseEndsAt - at)}.`;
}

function held(
  service: ServiceView,
  version: number,
  reason: string | null,
  of: RolloutEvidence | null,
): Headline {
  const words = HELD[reason ?? ""] ?? { short: "held", title: reason ?? "held", detail: "" };
  const at =
    of?.rollout.isShadow === true ? "with copies only" : `at ${share(of?.rollout.share ?? service.weight)}`;
  const isGood = reason === "needs-approval" && of?.verdict === "within-margin";
  return {
    tone: "attention",
    short: `version ${version}: ${words.short}`,
    title: `Version ${version} is held ${at}: ${isGood ? "good enough, " : ""}${words.title}`,
    detail: `${words.detail} ${of !== null && isSwitched(of) ? "" : serves(service)}`.trim(),
  };
}

function ended(
  service: ServiceView,
  rollout: NonNullable<ServiceView["rollout"]>,
  of: RolloutEvidence | null,
  now: number,
): Headline {
  const { version, state } = rollout;
  const endedAt = of?.rollout.endedAt ?? null;
  if (endedAt === null || now - endedAt > NEWS_MS) return steady(service);
  const when = ago(endedAt, now);
  const calm = `${serves(service)} Nothing needs to be done now.`;
  if (state === "promoted") {
    const bad = of === null ? "" : unjudged(of);
    return {
      tone: bad === "" ? "calm" : "attention",
      short: `version ${version} promoted`,
      // A first champion, or one that was gone back to, was on no trial.
      title: `Version ${version} ${of !== null && hasTrial(of) ? "was promoted" : "became champion"} ${when}`,
      detail: bad === "" ? calm : `${bad}${serves(service)}`,
    };
  }
  if (state === "superseded") {
    return {
      tone: "calm",
      short: `version ${version} superseded`,
      title: `Version ${version}'s trial ended ${when}: something newer took its place`,
      detail: calm,
    };
  }
  return {
    tone: "out",
    short: `version ${version} taken out`,
    title: `Version ${version} was taken out ${when}`,
    detail: calm,
  };
}

/** True where there is anything to see of a trial: a first champion had nothing to be compared with. */
export function hasTrial(evidence: RolloutEvidence | null): evidence is RolloutEvidence {
  return evidence !== null && (evidence.history.length > 0 || evidence.shadow !== null);
}
