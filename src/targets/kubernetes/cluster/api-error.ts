import { SlipwayError } from "../../../http/errors.ts";

/** The `Status` that an API server answers instead of what was asked for. */
export interface ApiStatus {
  message: string;
  reason: string;
  code: number;
  causes: readonly { reason: string; message: string; field: string }[];
}

/** A field that another manager owns and that ours wants otherwise. */
export interface FieldConflict {
  /** As in `managedFields`: `kubectl-client-side-apply`, `helm`, `argocd-controller`. */
  manager: string;
  /** `.spec.replicas`. */
  field: string;
}

/** What was tried, for an error's words. */
export interface Attempt {
  /** As RBAC writes it: `get`, `patch`. */
  verb: string;
  /** `deployments.apps`. */
  resource: string;
  namespace?: string | undefined;
  name?: string | undefined;
}

export function statusOf(status: number, body: unknown): ApiStatus {
  const given = (typeof body === "object" && body !== null ? body : {}) as {
    message?: unknown;
    reason?: unknown;
    details?: { causes?: { reason?: string; message?: string; field?: string }[] };
  };
  return {
    message: typeof given.message === "string" ? given.message : `status ${status}`,
    reason: typeof given.reason === "string" ? given.reason : "",
    code: status,
    causes: (given.details?.causes ?? []).map((cause) => ({
      reason: cause.reason ?? "",
      message: cause.message ?? "",
      field: cause.field ?? "",
    })),
  };
}

/** The fields over which a server-side apply stumbled; empty when it failed for another reason. */
export function conflictsOf(status: ApiStatus): FieldConflict[] {
  return status.causes
    .filter(({ reason }) => reason === "FieldManagerConflict")
    .map(({ message, field }) => ({
      manager: /conflict with "([^"]*)"/.exec(message)?.[1] ?? message,
      field,
    }));
}

/** Whether the server forbids to change what is there: it would have to be deleted and made again. */
export function isImmutable({ code, message }: ApiStatus): boolean {
  return (
    code === 422 &&
    /field is immutable|updates to \S+ spec for fields other than|may not be changed|cannot change/i.test(
      message,
    )
  );
}

/** `deployments.apps slipway/control`. */
export function attemptWords({ resource, namespace, name }: Attempt): string {
  const place = [namespace, name].filter((part) => part !== undefined).join("/");
  return place === "" ? resource : `${resource} ${place}`;
}

/** An error of the API server as one of ours: which verb on which resource, and the server's own words. */
export function apiError(status: ApiStatus, attempt: Attempt): SlipwayError {
  const { verb, resource, namespace } = attempt;
  const facts = { where: attemptWords(attempt), given: status.message };
  switch (status.code) {
    case 401:
      return new SlipwayError("CLUSTER_UNAUTHORIZED", "the cluster doesn't know who calls", facts);
    case 403:
      return new SlipwayError(
        "CLUSTER_FORBIDDEN",
        `the right is missing to ${verb} ${resource}${namespace === undefined ? "" : ` in namespace ${namespace}`}`,
        { ...facts, details: { verb, resource, ...(namespace === undefined ? {} : { namespace }) } },
      );
    case 404:
      return new SlipwayError("CLUSTER_NOT_FOUND", `${attemptWords(attempt)} doesn't exist`, facts);
    case 409:
      return new SlipwayError(
        "CLUSTER_CONFLICT",
        `${attemptWords(attempt)} was changed by somebody else`,
        facts,
      );
    case 410:
      return new SlipwayError(
        "CLUSTER_VERSION_GONE",
        `the cluster no longer knows the version of ${attemptWords(attempt)} that was asked for`,
        facts,
      );
    case 400:
    case 422:
      return new SlipwayError(
        "CLUSTER_OBJECT_REFUSED",
        `the cluster refuses ${attemptWords(attempt)}`,
        facts,
      );
    default:
      return new SlipwayError(
        "CLUSTER_FAILED",
        `the cluster failed to ${verb} ${attemptWords(attempt)} (status ${status.code})`,
        facts,
      );
  }
}
