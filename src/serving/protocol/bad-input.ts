/** A request that the caller must change: becomes the protocol's own `{"error": "…"}`. */
export class BadInput extends Error {
  readonly status: number;

  constructor(message: string, status = 400) {
    super(message);
    this.name = "BadInput";
    this.status = status;
  }
}

/** Body of an error answer in Open Inference V1 and V2. */
export function errorBody(message: string): string {
  return JSON.stringify({ error: message });
}

/** A value from a request as it may stand in a message. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
