import { token } from "./token.ts";

const BASE = "/api/slipway/v1";
/** Longer than the platform takes for anything that isn't a stream. */
const TIMEOUT_MS = 15_000;

/** What the platform answered instead of what was asked for, in its catalogue's words. */
export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly hint: string,
  ) {
    super(message);
  }
}

/** One call of our own API. ApiError when it is refused; any other error: the platform wasn't reached. */
export async function call(
  path: string,
  options: { method?: "POST"; body?: unknown; signal?: AbortSignal } = {},
): Promise<Response> {
  const held = token.get();
  const response = await fetch(`${BASE}${path}`, {
    method: options.method ?? "GET",
    // Without credentials a browser opens no password window of its own when a token is asked for.
    credentials: "omit",
    cache: "no-store",
    headers: {
      ...(held === null ? {} : { authorization: `Bearer ${held}` }),
      ...(options.body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  if (response.ok) return response;
  throw await refusal(response);
}

/** A call whose answer is JSON, within a time limit. */
export async function callJson<Answer>(
  path: string,
  options: { method?: "POST"; body?: unknown; signal?: AbortSignal } = {},
): Promise<Answer> {
  const limit = AbortSignal.timeout(TIMEOUT_MS);
  const signal = options.signal === undefined ? limit : AbortSignal.any([options.signal, limit]);
  const response = await call(path, { ...options, signal });
  return (await response.json()) as Answer;
}

async function refusal(response: Response): Promise<ApiError> {
  try {
    const { error } = (await response.json()) as { error: { code: string; message: string; hint: string } };
    return new ApiError(response.status, error.code, error.message, error.hint);
  } catch {
    return new ApiError(
      response.status,
      "UNKNOWN",
      `the platform answered with status ${response.status}`,
      "",
    );
  }
}
