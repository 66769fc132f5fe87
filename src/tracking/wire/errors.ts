import { SlipwayError, type ErrorCode } from "../../http/errors.ts";

/** What a client sees of an error: `{error_code, message}` with MLflow's status for that code. */
export interface MlflowAnswer {
  status: number;
  body: { error_code: string; message: string };
}

/**
 * Our codes in MLflow's words. The client retries 429 and 5xx for minutes, so only what can pass by itself
 * may have such a status; a full disk has 507, which it doesn't retry.
 */
const WORDS: Partial<Record<ErrorCode, { status?: number; code: string }>> = {
  INVALID_REQUEST: { code: "INVALID_PARAMETER_VALUE" },
  BLOB_PATH_REFUSED: { code: "INVALID_PARAMETER_VALUE" },
  TOO_LARGE: { status: 400, code: "INVALID_PARAMETER_VALUE" },
  NOT_FOUND: { code: "RESOURCE_DOES_NOT_EXIST" },
  CONFLICT: { code: "RESOURCE_CONFLICT" },
  UNAVAILABLE: { code: "TEMPORARILY_UNAVAILABLE" },
  TIMEOUT: { code: "DEADLINE_EXCEEDED" },
  STORE_FULL: { code: "RESOURCE_EXHAUSTED" },
  RANGE_NOT_SATISFIABLE: { code: "INVALID_PARAMETER_VALUE" },
  ARTIFACTS_UNREACHABLE: { code: "TEMPORARILY_UNAVAILABLE" },
  ARTIFACTS_BUCKET_MISSING: { code: "INVALID_STATE" },
  ARTIFACTS_REFUSED: { code: "INVALID_STATE" },
  ARTIFACTS_ELSEWHERE: { code: "INVALID_STATE" },
  ARTIFACTS_FAILED: { code: "INVALID_STATE" },
  ARTIFACTS_CREDENTIALS_MISSING: { code: "INVALID_STATE" },
  HOST_REFUSED: { code: "PERMISSION_DENIED" },
  ORIGIN_REFUSED: { code: "PERMISSION_DENIED" },
  TOKEN_REQUIRED: { code: "UNAUTHENTICATED" },
  CREDENTIALS_REFUSED: { code: "UNAUTHENTICATED" },
  SIGN_IN_LIMITED: { status: 401, code: "UNAUTHENTICATED" },
  ACCESS_DENIED: { code: "PERMISSION_DENIED" },
  SCOPE_MISSING: { code: "PERMISSION_DENIED" },
  TENANT_NOT_FOUND: { code: "RESOURCE_DOES_NOT_EXIST" },
  TENANT_NAME_INVALID: { code: "INVALID_PARAMETER_VALUE" },
  TENANT_EXISTS: { status: 400, code: "RESOURCE_ALREADY_EXISTS" },
  TENANT_RESERVED: { code: "INVALID_PARAMETER_VALUE" },
  TENANT_NOT_EMPTY: { code: "INVALID_STATE" },
};

export function toMlflowAnswer(error: SlipwayError): MlflowAnswer {
  const { code, message, status, facts } = error;
  if (code.startsWith("MLFLOW_")) {
    return { status, body: { error_code: code.slice("MLFLOW_".length), message } };
  }
  const words = WORDS[code];
  const details = [facts.given, facts.allowed && `allowed: ${facts.allowed}`].filter(Boolean).join("; ");
  return {
    status: words?.status ?? status,
    body: {
      error_code: words?.code ?? (status >= 500 ? "INTERNAL_ERROR" : "BAD_REQUEST"),
      message: `${message}${details === "" ? "" : ` (${details})`}. ${error.hint}`,
    },
  };
}

/** 400 INVALID_PARAMETER_VALUE. */
export function invalid(message: string): SlipwayError {
  return new SlipwayError("MLFLOW_INVALID_PARAMETER_VALUE", message);
}

/** 404 RESOURCE_DOES_NOT_EXIST. */
export function missing(message: string): SlipwayError {
  return new SlipwayError("MLFLOW_RESOURCE_DOES_NOT_EXIST", message);
}

/** 400 RESOURCE_ALREADY_EXISTS. */
export function exists(message: string): SlipwayError {
  return new SlipwayError("MLFLOW_RESOURCE_ALREADY_EXISTS", message);
}
