import { originForm } from "../../http/request-target.ts";
import { isPredictionPath } from "../router/routes.ts";

/** Longer than any address we answer to. */
const MAX_LINE = 8 * 1024;

/**
 * Who takes a new connection, by the bytes that have come: `predictions` when its first request asks for one,
 * `control` for all else (anything that isn't HTTP too), undefined when the request line isn't complete.
 */
export function sniff(start: Buffer): "predictions" | "control" | undefined {
  const end = start.indexOf(10);
  if (end === -1) return start.length < MAX_LINE ? undefined : "control";
  const [, path] = start.toString("latin1", 0, end).split(" ");
  return path !== undefined && isPredictionPath(originForm(path)) ? "predictions" : "control";
}
