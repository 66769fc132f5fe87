import { SlipwayError, type ErrorCode } from "../../http/errors.ts";
import { textOf } from "./xml.ts";

/** An answer of the store that isn't the one asked for. */
export interface S3Failure {
  status: number;
  /** S3's own code, such as NoSuchKey; "" when the answer had none. */
  code: string;
  message: string;
}

/** Codes of S3 in ours; what only an operator can put right has a status that MLflow's client doesn't retry for minutes. */
const KNOWN: Readonly<Record<string, ErrorCode>> = {
  NoSuchKey: "NOT_FOUND",
  NoSuchUpload: "NOT_FOUND",
  NoSuchBucket: "ARTIFACTS_BUCKET_MISSING",
  AccessDenied: "ARTIFACTS_REFUSED",
  InvalidAccessKeyId: "ARTIFACTS_REFUSED",
  SignatureDoesNotMatch: "ARTIFACTS_REFUSED",
  RequestTimeTooSkewed: "ARTIFACTS_REFUSED",
  ExpiredToken: "ARTIFACTS_REFUSED",
  InvalidToken: "ARTIFACTS_REFUSED",
  PermanentRedirect: "ARTIFACTS_ELSEWHERE",
  TemporaryRedirect: "ARTIFACTS_ELSEWHERE",
  AuthorizationHeaderMalformed: "ARTIFACTS_ELSEWHERE",
  EntityTooLarge: "TOO_LARGE",
  EntityTooSmall: "INVALID_REQUEST",
  InvalidPart: "INVALID_REQUEST",
  InvalidPartOrder: "INVALID_REQUEST",
  InvalidPartNumber: "INVALID_REQUEST",
  KeyTooLongError: "BLOB_PATH_REFUSED",
  InvalidRange: "RANGE_NOT_SATISFIABLE",
  QuotaExceeded: "STORE_FULL",
  XMinioStorageFull: "STORE_FULL",
  ObjectParentIsFile: "INVALID_REQUEST",
  ObjectExistsAsDirectory: "INVALID_REQUEST",
  PreconditionFailed: "CONFLICT",
  ConditionalRequestConflict: "CONFLICT",
};

const BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  403: "ARTIFACTS_REFUSED",
  404: "NOT_FOUND",
  412: "CONFLICT",
  416: "RANGE_NOT_SATISFIABLE",
  507: "STORE_FULL",
};

/** What may pass by itself: it is tried again a few times, and callers may try again later. */
export function isPassing({ status, code }: S3Failure): boolean {
  return [429, 500, 502, 503, 504].includes(status) || code === "RequestTimeout" || code === "SlowDown";
}

export function readFailure(status: number, body: string): S3Failure {
  const message = textOf(body, "Message") ?? `the store answered with status ${status}`;
  return { status, code: textOf(body, "Code") ?? "", message: message.slice(0, 500) };
}

/** As an error of ours. `about` names the path or the bucket, never a key of the credentials. */
export function toBlobError(failure: S3Failure, about: string): SlipwayError {
  const { status, code } = failure;
  const ours =
    KNOWN[code] ??
    (isPassing(failure)
      ? "ARTIFACTS_UNREACHABLE"
      : status >= 300 && status < 400
        ? "ARTIFACTS_ELSEWHERE"
        : (BY_STATUS[status] ?? "ARTIFACTS_FAILED"));
  if (ours === "NOT_FOUND")
    return new SlipwayError(ours, `there is no ${about}`, { hint: "List the folder above it." });
  return new SlipwayError(ours, `the artifact store refused: ${failure.message}`, {
    where: about,
    given: `${code === "" ? "no code" : code}, status ${status}`,
  });
}

/** The store couldn't be reached, or stopped within its answer. */
export function unreachable(endpoint: string, cause: unknown): SlipwayError {
  const { code, message } = cause as NodeJS.ErrnoException;
  return new SlipwayError(
    "ARTIFACTS_UNREACHABLE",
    `the artifact store can't be reached: ${code ?? message}`,
    {
      where: endpoint,
      cause,
    },
  );
}
