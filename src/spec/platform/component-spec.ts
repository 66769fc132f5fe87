import type { z } from "zod";

/**
 * What the file's schema must know of a component. The specification knows no target: whoever reads a file passes in
 * what there is.
 */
export interface ComponentSpec {
  /** Key under `components`. */
  name: string;
  /** One line for people. */
  summary: string;
  /** Of the value of that key. */
  options: z.ZodType;
  /** Each inner list is a choice of which one is needed. */
  requires?: readonly (readonly string[])[];
  excludes?: readonly string[];
}
