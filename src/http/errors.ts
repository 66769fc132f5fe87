/**
 * The one catalogue of errors a user can meet. A code never changes its meaning; `status` is what HTTP
 * answers with; `hint` says what to do next and is shown below the message.
 */
export const CATALOGUE = {
  INTERNAL: {
    status: 500,
    hint: "This is a defect in Slipway. The log of the control process has the details.",
  },
  INVALID_REQUEST: { status: 400, hint: "Correct the named field and send the request again." },
  NOT_FOUND: { status: 404, hint: "List what exists with `slipway status`." },
  CONFLICT: { status: 409, hint: "Read the current state and decide again." },
  UNAVAILABLE: { status: 503, hint: "The platform is starting or busy; try again in a moment." },
  TOO_LARGE: { status: 413, hint: "Send less, or raise the limit named in the message." },
  TIMEOUT: { status: 504, hint: "Try again; if it stays slow, look at `slipway logs`." },
  HOST_REFUSED: {
    status: 403,
    hint: "Call the platform by the address that `slipway up` printed, or name this host with --allow-host.",
  },
  ORIGIN_REFUSED: { status: 403, hint: "Pages of other origins may not call this platform." },
  TOKEN_REQUIRED: {
    status: 401,
    hint: "Send the token that `slipway up` printed: `Authorization: Bearer …`.",
  },
} as const satisfies Record<string, { status: number; hint: string }>;

export type ErrorCode = keyof typeof CATALOGUE;

/** Facts that go with an error: where it is, what was given, what is allowed. All of it may be shown to the caller. */
export interface ErrorFacts {
  where?: string;
  given?: string;
  allowed?: string;
  /** Overrides the catalogue's hint where a better one is known. */
  hint?: string;
  details?: Record<string, unknown>;
  cause?: unknown;
}

/** An error that a user can act on: stable code, message, facts and a hint; never shown with a stack trace. */
export class SlipwayError extends Error {
  readonly code: ErrorCode;
  readonly facts: ErrorFacts;

  constructor(code: ErrorCode, message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = "SlipwayError";
    this.code = code;
    this.facts = facts;
  }

  get status(): number {
    return CATALOGUE[this.code].status;
  }

  get hint(): string {
    return this.facts.hint ?? CATALOGUE[this.code].hint;
  }

  /** The shape in which our own JSON API, `--json` and the writer thread carry an error. */
  toJSON(): ErrorBody {
    const { where, given, allowed, details } = this.facts;
    return {
      code: this.code,
      message: this.message,
      hint: this.hint,
      ...(where === undefined ? {} : { where }),
      ...(given === undefined ? {} : { given }),
      ...(allowed === undefined ? {} : { allowed }),
      ...(details === undefined ? {} : { details }),
    };
  }

  static fromJSON(body: ErrorBody): SlipwayError {
    const { code, message, ...facts } = body;
    return new SlipwayError(code in CATALOGUE ? code : "INTERNAL", message, facts);
  }
}

export interface ErrorBody {
  code: ErrorCode;
  message: string;
  hint: string;
  where?: string;
  given?: string;
  allowed?: string;
  details?: Record<string, unknown>;
}

/** Any thrown thing as a SlipwayError; unknown ones become INTERNAL and keep their cause for the log. */
export function toSlipwayError(error: unknown): SlipwayError {
  if (error instanceof SlipwayError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new SlipwayError("INTERNAL", message, { cause: error });
}
