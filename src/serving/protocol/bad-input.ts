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

/** MLflow's names of what went wrong, by HTTP status. */
const MLFLOW_CODES: Record<number, string> = {
  404: "RESOURCE_DOES_NOT_EXIST",
  501: "NOT_IMPLEMENTED",
  503: "TEMPORARILY_UNAVAILABLE",
  504: "TEMPORARILY_UNAVAILABLE",
};

/** Body of an error answer of MLflow's scoring server. */
export function invocationError(status: number, message: string): string {
  const code = MLFLOW_CODES[status] ?? (status < 500 ? "BAD_REQUEST" : "INTERNAL_ERROR");
  return JSON.stringify({ error_code: code, message });
}

const SHOWN = 60;
const SHOWN_ITEMS = 8;
const SHOWN_DEPTH = 3;

/** A value from a request as it may stand in a message: short, however large or deep the value is. */
export function shown(value: unknown): string {
  const text = brief(value, SHOWN_DEPTH);
  return text.length > SHOWN ? `${text.slice(0, SHOWN - 3)}…` : text;
}

function brief(value: unknown, depth: number): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, SHOWN));
  if (typeof value !== "object" || value === null) return String(value);
  if (Array.isArray(value)) {
    if (depth === 0) return "[…]";
    const items = value.slice(0, SHOWN_ITEMS).map((item) => brief(item, depth - 1));
    return `[${items.join(",")}${value.length > SHOWN_ITEMS ? ",…" : ""}]`;
  }
  const entries = Object.entries(value);
  if (depth === 0 && entries.length > 0) return "{…}";
  const items = entries
    .slice(0, SHOWN_ITEMS)
    .map(([key, item]) => `${brief(key, 0)}:${brief(item, depth - 1)}`);
  return `{${items.join(",")}${entries.length > SHOWN_ITEMS ? ",…" : ""}}`;
}
