import { SlipwayError, type ErrorCode } from "../../http/errors.ts";

/**
 * SQLSTATEs that need words of their own (https://www.postgresql.org/docs/current/errcodes-appendix.html);
 * two characters stand for their whole class.
 */
const CODES: Readonly<Record<string, ErrorCode>> = {
  "08": "UNAVAILABLE",
  "22003": "INVALID_REQUEST",
  "22021": "INVALID_REQUEST",
  "22P02": "INVALID_REQUEST",
  "22P05": "INVALID_REQUEST",
  "25006": "STORE_FAILED",
  "25P03": "UNAVAILABLE",
  "25P04": "UNAVAILABLE",
  "28": "STORE_REFUSED",
  "3D": "STORE_REFUSED",
  "40": "UNAVAILABLE",
  "42501": "STORE_REFUSED",
  "53": "UNAVAILABLE",
  "53100": "STORE_FULL",
  "54000": "INVALID_REQUEST",
  "55P03": "UNAVAILABLE",
  "57014": "TIMEOUT",
  "57": "UNAVAILABLE",
  "58": "STORE_FAILED",
  "58030": "STORE_FAILED",
  XX001: "STORE_CORRUPT",
  XX002: "STORE_CORRUPT",
};

/** Transactions that met another one and may be run again from the start: serialisation failure, deadlock. */
const AGAIN = new Set(["40001", "40P01"]);
/** The server shuts down, has crashed, or ended a transaction that was left lying. */
const ENDED = new Set(["57P01", "57P02", "57P03", "57P05", "25P03", "25P04"]);
/** Of Node's sockets and resolver, before or instead of an answer of the server. */
const UNREACHABLE =
  /^(ECONN|EPIPE|ENOTFOUND|EAI_|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|ENOENT|EACCES|ERR_SOCKET)/;

/** Of Node's TLS: the server's certificate isn't one to trust. */
const UNTRUSTED = /^(ERR_TLS|ERR_SSL|CERT_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_)/;

interface PostgresFailure extends Error {
  code?: string;
}

/** Any error of the driver as a SlipwayError; SlipwayErrors pass through. Carries the SQLSTATE in its details. */
export function fromPostgres(error: unknown, where: string): SlipwayError {
  if (error instanceof SlipwayError) return error;
  if (!(error instanceof Error) || error instanceof TypeError)
    return new SlipwayError("INTERNAL", String(error), { cause: error });
  const { code: state, message } = error as PostgresFailure;
  if (/does not support SSL/i.test(message)) {
    return new SlipwayError("STORE_REFUSED", "the server takes no encrypted connections", {
      hint: "Switch TLS on in the server, or add ?sslmode=disable to --store where the network is your own.",
      cause: error,
    });
  }
  // Without a state it is no answer of the server: the connection is gone.
  const code = state === undefined ? "UNAVAILABLE" : codeOf(state);
  const text = code === "INTERNAL" ? `${message} (in ${where.slice(0, 200)})` : message;
  return new SlipwayError(code, code === "UNAVAILABLE" ? `the database: ${text}` : text, {
    cause: error,
    ...(state === undefined ? {} : { details: { sqlstate: state } }),
  });
}

/** True when the whole transaction may be run again from its start. */
export function maySucceedAgain(error: SlipwayError): boolean {
  return AGAIN.has(String(error.facts.details?.["sqlstate"]));
}

/** True when nothing more can be asked over the connection: the server ended it, or the network did. */
export function endsTheConnection(error: SlipwayError): boolean {
  const state = error.facts.details?.["sqlstate"];
  if (state === undefined) return error.code === "UNAVAILABLE";
  return UNREACHABLE.test(String(state)) || ENDED.has(String(state));
}

function codeOf(state: string): ErrorCode {
  if (UNREACHABLE.test(state)) return "UNAVAILABLE";
  if (UNTRUSTED.test(state)) return "STORE_REFUSED";
  return CODES[state] ?? CODES[state.slice(0, 2)] ?? "INTERNAL";
}
