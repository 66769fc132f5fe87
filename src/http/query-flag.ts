import { z } from "zod";

/**
 * A query parameter that is `true` or `false`, which is what it is when left out. The list of what it may be stands in
 * the schema, so that anything else is refused before a route reads it.
 */
export const queryFlag = z
  .enum(["true", "false"])
  .default("false")
  .transform((text) => text === "true");
