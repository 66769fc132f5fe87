// What a check comes to besides passing: thrown, so that a check reads as a list of what must hold.

/** The server breaks the clause. */
export class Failed extends Error {}

/** The server doesn't offer what the clause is about, and needn't. */
export class NotOffered extends Error {}

/** An error answer of the server. `status`: of HTTP, or gRPC's code by the same meaning. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Whether a server says by this status that it has no such path or call at all. */
export function isMissing(status) {
  return status === 404 || status === 405 || status === 501;
}

export function must(holds, message) {
  if (!holds) throw new Failed(message);
}

/** `call` must be refused as the caller's mistake, in the protocol's shape of an error. */
export async function mustRefuse(call) {
  try {
    await call();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    must(
      error.status >= 400 && error.status < 500,
      `answered with ${error.status}, which isn't the caller's mistake: ${error.message.slice(0, 120)}`,
    );
    return error;
  }
  throw new Failed("was accepted");
}
