import { identityKey, identityOf } from "../../object.ts";
import type { KubernetesObject, ObjectIdentity } from "../../object.ts";
import { objectsIn } from "../branch-state.ts";
import { refusalOf } from "../causes.ts";
import type { Cause } from "../causes.ts";

/** Asks Argo CD to look at Git at once; it takes the annotation away when it has. */
export const REFRESH = "argocd.argoproj.io/refresh";
/** Beside it: a second request of the same kind would change nothing, and so be heard by nobody. */
export const ASKED = "slipway.dev/asked";

/** Set to "true": Argo CD leaves the Application alone. */
export const PAUSED = "argocd.argoproj.io/skip-reconcile";

/** As much of an Application is looked at. Source: Argo CD, pkg/apis/application/v1alpha1/types.go. */
export interface Application extends KubernetesObject {
  spec?: { syncPolicy?: { syncOptions?: string[] } };
  /** A sync that was asked for and isn't over. */
  operation?: object;
  status?: {
    reconciledAt?: string;
    sync?: { status?: string; revision?: string };
    /** Each object as it was compared the last time. */
    resources?: ResourceResult[];
    conditions?: { type: string; message: string }[];
    operationState?: OperationState;
  };
}

interface OperationState {
  phase: string;
  message?: string;
  startedAt?: string;
  retryCount?: number;
  operation?: { sync?: { revision?: string }; info?: { name: string; value: string }[] };
  syncResult?: { revision?: string; resources?: ResourceResult[] };
}

interface ResourceResult {
  group?: string;
  kind: string;
  namespace?: string;
  name: string;
  status?: string;
  message?: string;
}

/** How far Argo CD is with a commit. */
export type Standing =
  | { is: "carried" }
  /** A sync of it failed; `operation` tells it from later ones. */
  | { is: "failed"; operation: string }
  | { is: "waited" };

/**
 * Pure. `isIn` says of a revision whether it holds the commit that is asked for, which is so of the commit and of all that
 * came after it. The first try that fails counts: whoever waits is to hear it, whatever becomes of Argo CD's own repeats.
 */
export function standingOf(app: Application, isIn: (revision: string) => boolean): Standing {
  const { sync, operationState: last } = app.status ?? {};
  const tried = last?.syncResult?.revision ?? last?.operation?.sync?.revision;
  if (last !== undefined && tried !== undefined && isIn(tried)) {
    if (last.phase === "Succeeded") return { is: "carried" };
    const isFailed = last.phase === "Failed" || last.phase === "Error";
    if (isFailed || (last.retryCount ?? 0) > 0) return { is: "failed", operation: operationKey(last) };
  }
  if (!isBusy(app) && sync?.status === "Synced" && isIn(sync.revision ?? "")) return { is: "carried" };
  return { is: "waited" };
}

/** A sync is asked for, or under way. */
export function isBusy({ operation, status }: Application): boolean {
  const phase = status?.operationState?.phase;
  return operation !== undefined || phase === "Running" || phase === "Terminating";
}

/** What was asked for hasn't been taken up. */
export function isUnheard({ metadata }: Application): boolean {
  return metadata.annotations?.[REFRESH] !== undefined;
}

/** Start times are whole seconds; what asked for it tells two of one second apart. */
function operationKey({ startedAt, operation, syncResult }: OperationState): string {
  return JSON.stringify([startedAt, operation?.info, syncResult?.revision]);
}

/**
 * What became of each file in a sync that failed: an object that was refused, in the server's own words; or that nothing of it
 * was done, since Argo CD applies nothing at all where one object is refused. Files whose objects are in force aren't named.
 */
export function failuresOf(
  { status }: Application,
  files: ReadonlyMap<string, string>,
): ReadonlyMap<string, Cause> {
  const results = byKey(status?.operationState?.syncResult?.resources);
  const compared = byKey(status?.resources);
  const refused = new Map<string, Cause>();
  const undone: string[] = [];
  for (const [path, text] of files)
    for (const object of objectsIn(text)) {
      const key = identityKey(identityOf(object));
      const result = results.get(key);
      const name = `${object.kind} ${object.metadata.namespace}/${object.metadata.name}`;
      if (result?.status === "SyncFailed") refused.set(path, refusalOf(name, result.message ?? "no reason"));
      else if (result?.status !== "Synced" && compared.get(key)?.status !== "Synced") undone.push(path);
    }
  const said = [...refused.values()].map(({ message }) => message).join("; ");
  const message = `Argo CD does nothing of the commit: ${said || status?.operationState?.message || "no reason"}`;
  const causes = new Map<string, Cause>(refused);
  for (const path of undone)
    if (!refused.has(path)) causes.set(path, { code: "DELIVERY_BLOCKED", message, isFinal: false });
  return causes;
}

function byKey(results: readonly ResourceResult[] = []): ReadonlyMap<string, ResourceResult> {
  const identity = ({ group = "", kind, namespace, name }: ResourceResult): ObjectIdentity => ({
    group,
    kind,
    namespace,
    name,
  });
  return new Map(results.map((result) => [identityKey(identity(result)), result]));
}

/** What keeps it, as far as it says so itself. */
export function wordsOf(app: Application): string {
  if (app.metadata.annotations?.[PAUSED] === "true") return "it is paused: `slipway platform resume`";
  const { conditions = [], operationState: last, sync, reconciledAt } = app.status ?? {};
  const error = conditions.find(({ type }) => type.endsWith("Error"));
  if (error !== undefined) return `${error.type}: ${error.message}`;
  const when = reconciledAt === undefined ? "never looked yet" : `looked last at ${reconciledAt}`;
  if (isUnheard(app)) return `it hasn't taken up what was asked of it, and ${when}`;
  if (isBusy(app)) return `its sync is ${last?.phase ?? "asked for"}: ${last?.message ?? "it says no more"}`;
  return `it is ${sync?.status ?? "nowhere"} at ${sync?.revision ?? "no commit"}, and ${when}`;
}
