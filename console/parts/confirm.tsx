import { useEffect, useRef, useState } from "react";
import type { RolloutEvidence } from "../../src/rollout/evidence.ts";
import { ApiError } from "../live/api.ts";
import { consequence, deedTitle, needsReason, type Deed } from "../view/actions.ts";
import type { ServiceDetail } from "../view/service.ts";
import { Prose } from "./prose.tsx";

interface ConfirmProps {
  deed: Deed;
  service: ServiceDetail;
  evidence: RolloutEvidence | null;
  isLost: boolean;
  act: (reason: string) => Promise<void>;
  onClose: (isDone: boolean) => void;
}

const MAX_REASON = 1000;

/** Says what will happen, asks why, and does it. */
export function Confirm({ deed, service, evidence, isLost, act, onClose }: ConfirmProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [reason, setReason] = useState("");
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  useEffect(() => {
    if (dialog.current?.open === false) dialog.current.showModal();
  }, []);
  const isRequired = needsReason(deed, evidence);
  const title = deedTitle(deed, service, evidence);

  async function submit(): Promise<void> {
    setBusy(true);
    setError(null);
    try {
      await act(reason.trim());
      onClose(true);
    } catch (thrown) {
      setError(describe(thrown));
      setBusy(false);
    }
  }

  return (
    <dialog ref={dialog} className="confirm" aria-labelledby="confirm-title" onClose={() => onClose(false)}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <h2 id="confirm-title">
          {title} of {service.name}?
        </h2>
        <ul>
          {consequence(deed, service, evidence).map((line) => (
            <li key={line}>{line}</li>
          ))}
        </ul>
        {isLost && <p className="warning">The connection is lost: what you see may be out of date.</p>}
        <label htmlFor="reason">Reason{isRequired ? "" : " (optional)"}</label>
        <textarea
          id="reason"
          rows={2}
          maxLength={MAX_REASON}
          required={isRequired}
          autoFocus
          value={reason}
          onChange={(event) => setReason(event.target.value)}
        />
        <p className="quiet">It is recorded with your decision, for everybody to read.</p>
        {error !== null && (
          <p role="alert" className="error">
            <Prose text={error} />
          </p>
        )}
        <div className="buttons">
          <button type="button" className="button" onClick={() => onClose(false)}>
            Cancel
          </button>
          <button type="submit" className={`button is-primary is-${deed}`} disabled={isBusy}>
            {isBusy ? "Asking…" : title}
          </button>
        </div>
      </form>
    </dialog>
  );
}

function describe(thrown: unknown): string {
  if (thrown instanceof ApiError) return `${thrown.message}. ${thrown.hint}`;
  return "The platform couldn't be reached; nothing may have been changed. Try again.";
}
