import type { RolloutEvidence } from "./evidence.ts";
import { isCopiesOnly, isOnTrial, type Rollout, type Service } from "./state.ts";

type Actions = RolloutEvidence["actions"];
type Do = Actions[number]["do"];

/** What a person may do about a rollout now and what it would do, or why it can't be; the rules of `actByHand`. */
export function actionsFor(
  rollout: Rollout,
  service: Pick<Service, "champion" | "previousChampion">,
  isDiverged: boolean,
): Actions {
  const may = (what: Do, why: string): Actions[number] => ({ do: what, allowed: true, why });
  const not = (what: Do, why: string): Actions[number] => ({ do: what, allowed: false, why });
  const { version, state } = rollout;
  const { approval } = rollout.request.policy;
  const needsYes = approval !== "none" && rollout.approvedBy === null;
  const isOver = rollout.endedAt !== null || state === "pending";
  const over = state === "pending" ? "it hasn't begun" : `it has ended: ${state}`;

  function promote(): Actions[number] {
    if (isOver) return not("promote", over);
    if (!isOnTrial(rollout)) {
      const isAsked = rollout.reason === "needs-approval";
      return not("promote", isAsked ? "it waits for a yes first" : "its contract check hasn't passed yet");
    }
    const role = needsYes ? `; needs the role ${approval}` : "";
    return may("promote", `version ${version} becomes champion at once, whatever the evidence${role}`);
  }
  function rollback(): Actions[number] {
    if (state === "pending") return not("rollback", over);
    if (!isOver) return may("rollback", `version ${version} gets no more requests`);
    const { champion, previousChampion } = service;
    return previousChampion === null
      ? not("rollback", `${over}, and there was no champion before`)
      : may(
          "rollback",
          `version ${previousChampion} takes the place of version ${champion} again, after its contract check`,
        );
  }
  function hold(): Actions[number] {
    if (isOver) return not("hold", over);
    return state === "held"
      ? not("hold", "it is held already")
      : may("hold", "shares stay as they are; a bad version is still taken out");
  }
  function resume(): Actions[number] {
    if (isDiverged) return may("resume", "takes the environment repository's head as the truth");
    if (isOver) return not("resume", over);
    return state === "held" ? may("resume", "goes on, with a new deadline") : not("resume", "it isn't held");
  }
  function approve(): Actions[number] {
    if (isOver) return not("approve", over);
    if (rollout.approvedBy !== null) return not("approve", `${rollout.approvedBy} has said yes`);
    if (approval !== "none") return may("approve", `says the yes of ${approval}`);
    return isCopiesOnly(rollout)
      ? may("approve", "goes on from copies to requests")
      : not("approve", "its project asks for no approval");
  }
  return [promote(), rollback(), hold(), resume(), approve()];
}
