import type { RolloutEvidence } from "../../src/rollout/evidence.ts";
import { share, wealth } from "./format.ts";
import type { ServiceDetail } from "./service.ts";

export type Action = RolloutEvidence["actions"][number];
export type Deed = Action["do"];

/** In the order in which a person at night needs them. */
const DEEDS: readonly Deed[] = ["rollback", "hold", "resume", "approve", "promote"];

export const LABELS: Record<Deed, string> = {
  rollback: "Roll back",
  hold: "Hold",
  resume: "Resume",
  approve: "Approve",
  promote: "Promote",
};

/** Every button with whether it can be pressed, and why not. Without a rollout only the champion can go back. */
export function actionsOf(service: ServiceDetail, evidence: RolloutEvidence | null): Action[] {
  return DEEDS.map((deed) => {
    const known = evidence?.actions.find((action) => action.do === deed);
    if (known !== undefined) return known;
    const isBack = deed === "rollback" && (service.previousChampion !== null || service.challenger !== null);
    return { do: deed, allowed: isBack, why: isBack ? "" : "no rollout is running" };
  });
}

/** What the button says; of the two that change who answers also which version it is about. */
export function deedTitle(deed: Deed, service: ServiceDetail, evidence: RolloutEvidence | null): string {
  const running = runningVersion(service, evidence) ?? service.challenger?.version;
  // With nothing on trial it is the champion that goes: where to is what a person wants to know.
  if (deed === "rollback" && running === undefined && service.previousChampion !== null)
    return `Go back to version ${service.previousChampion}`;
  const version = running ?? service.champion?.version;
  const isNamed = (deed === "rollback" || deed === "promote") && version !== undefined;
  return isNamed ? `${LABELS[deed]} version ${version}` : LABELS[deed];
}

/** True while somebody at night may want out: a version on trial can be taken out. */
export function isEmergency(deed: Deed, service: ServiceDetail, evidence: RolloutEvidence | null): boolean {
  return deed === "rollback" && (runningVersion(service, evidence) ?? service.challenger) !== null;
}

/** What will happen, in full sentences, before anybody says yes. */
export function consequence(deed: Deed, service: ServiceDetail, evidence: RolloutEvidence | null): string[] {
  const version = runningVersion(service, evidence);
  const champion = service.champion?.version;
  if (version === null) return backToFormer(service);
  const rest =
    champion === undefined ? "no version serves then" : `version ${champion} answers all requests again`;
  const given = share(evidence?.rollout.share ?? service.weight);
  switch (deed) {
    case "rollback":
      return [
        `Version ${version} gets no further request, at once; ${rest}.`,
        "Its trial ends as rolled back. It can be tried again by a push, and goes on from this evidence then.",
      ];
    case "hold":
      return [
        `Version ${version} keeps ${given} of the requests: it gets no more and isn't promoted until somebody resumes it.`,
        "It is still taken out by itself if it turns out worse.",
      ];
    case "resume":
      return evidence?.rollout.reason === "repository-diverged"
        ? ["The environment repository as it is now is taken for the truth, and what it says will run."]
        : [`The trial of version ${version} goes on from where it was held, with a new deadline.`];
    case "approve":
      if (evidence?.rollout.isShadow === true)
        return [
          `Version ${version} goes on from copies to requests: callers will see its answers, at its first step.`,
        ];
      return [
        `Your approval is recorded. Version ${version} gets all requests as soon as the evidence allows it.`,
      ];
    case "promote":
      return promotion(version, champion, evidence);
  }
}

function promotion(
  version: number,
  champion: number | undefined,
  evidence: RolloutEvidence | null,
): string[] {
  const verdict = evidence?.verdict;
  const instead = champion === undefined ? "" : `, instead of version ${champion}`;
  const warning =
    verdict === "worse"
      ? [`The evidence says that it is worse: ${evidence?.sentence ?? ""}.`]
      : verdict === "undecided"
        ? [
            `The test hasn't decided: evidence that it is worse is ${wealth(evidence?.harm ?? 1)} of the ` +
              `${wealth(evidence?.harmThreshold ?? 100)} that would take it out. The declared rate of false promotions doesn't cover this one.`,
          ]
        : [];
  return [`Version ${version} gets all requests${instead}, without waiting any longer.`, ...warning];
}

function backToFormer(service: ServiceDetail): string[] {
  if (service.challenger !== null)
    return [`Version ${service.challenger.version}, which a commit gives requests to, gets none any more.`];
  const former = service.previousChampion;
  return [
    `Version ${service.champion?.version ?? "?"} serves now, and nothing is on trial.`,
    `The service goes back to version ${former ?? "?"}, the champion before it, once that has answered its own example again.`,
  ];
}

/** True where somebody decides against the test or in its stead: that needs a reason. */
export function needsReason(deed: Deed, evidence: RolloutEvidence | null): boolean {
  return deed === "approve" || (deed === "promote" && evidence?.verdict !== "within-margin");
}

function runningVersion(service: ServiceDetail, evidence: RolloutEvidence | null): number | null {
  const { rollout } = service;
  if (rollout !== null && ["pending", "checking", "progressing", "held"].includes(rollout.state))
    return rollout.version;
  return evidence !== null && evidence.rollout.endedAt === null ? evidence.rollout.version : null;
}
