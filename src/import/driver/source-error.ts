/** The old server refused one call; what hangs on it can't be brought, the rest can. */
export class SourceError extends Error {
  readonly status: number;
  readonly errorCode: string;

  constructor(status: number, errorCode: string, message: string) {
    super(message);
    this.name = "SourceError";
    this.status = status;
    this.errorCode = errorCode;
  }

  /** A server that is older than the call: no route, or MLflow's own word for none. */
  get isUnknownCall(): boolean {
    return this.errorCode === "ENDPOINT_NOT_FOUND" || (this.status === 404 && this.errorCode === "");
  }
}
