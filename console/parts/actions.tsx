import { useEffect, useId, useState } from "react";
import type { RolloutEvidence } from "../../src/rollout/evidence.ts";
import type { ServiceFeed } from "../live/feed.ts";
import { actionsOf, deedTitle, isEmergency, LABELS, type Action, type Deed } from "../view/actions.ts";
import { sentence } from "../view/format.ts";
import type { ServiceDetail } from "../view/service.ts";
import { Confirm } from "./confirm.tsx";

interface ActionsProps {
  service: ServiceDetail;
  evidence: RolloutEvidence | null;
  feed: ServiceFeed;
  isLost: boolean;
}

/** By then the page shows what it did. */
const DONE_MS = 15_000;

/** What a person may do now. A button that can't be pressed stays readable and says why. */
export function Actions({ service, evidence, feed, isLost }: ActionsProps) {
  const [asking, setAsking] = useState<Deed | null>(null);
  const [done, setDone] = useState<string | null>(null);
  useEffect(() => {
    if (done === null) return;
    const timer = setTimeout(() => setDone(null), DONE_MS);
    return () => clearTimeout(timer);
  }, [done]);
  const actions = actionsOf(service, evidence);
  if (service.rollout === null && !actions.some(({ allowed }) => allowed)) return null;
  return (
    <section aria-label="What you can do" className="actions">
      {actions.map((action) => (
        <ActionButton
          key={action.do}
          action={action}
          label={action.allowed ? deedTitle(action.do, service, evidence) : LABELS[action.do]}
          tone={isEmergency(action.do, service, evidence) ? "button is-rollback" : "button"}
          onPress={() => setAsking(action.do)}
        />
      ))}
      <p role="status" className="done">
        {done}
      </p>
      {asking !== null && (
        <Confirm
          deed={asking}
          service={service}
          evidence={evidence}
          isLost={isLost}
          act={(reason) => feed.act(asking, reason)}
          onClose={(isDone) => {
            if (isDone)
              setDone(`${LABELS[asking]}: asked for. It takes effect within seconds and shows above.`);
            setAsking(null);
          }}
        />
      )}
    </section>
  );
}

interface ActionButtonProps {
  action: Action;
  label: string;
  tone: string;
  onPress: () => void;
}

function ActionButton({ action, label, tone, onPress }: ActionButtonProps) {
  const id = useId();
  const isNotable = action.why !== "";
  return (
    <span className="tip">
      <button
        type="button"
        className={tone}
        // Not `disabled`: the reason must be reachable by keyboard.
        aria-disabled={!action.allowed}
        {...(isNotable ? { "aria-describedby": id } : {})}
        onClick={action.allowed ? onPress : undefined}
      >
        {label}
      </button>
      {isNotable && (
        <span role="tooltip" id={id} className="bubble">
          {sentence(action.why)}
        </span>
      )}
    </span>
  );
}
