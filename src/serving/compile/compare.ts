import { elements, placeOf } from "../protocol/tensor.ts";
import type { Tensor } from "../protocol/tensor.ts";
import { TOLERANCE } from "./compilation.ts";

/** How two answers compare. */
export interface Comparison {
  /** The first difference, for a person; undefined when they are equal. */
  difference: string | undefined;
  /** Largest difference between two finite numbers. */
  largest: number;
}

/** An answer of a compiled model beside the original's: same shape, numbers within the tolerance, all else equal. */
export function compareTensors(original: Tensor, compiled: Tensor): Comparison {
  if (JSON.stringify(original.shape) !== JSON.stringify(compiled.shape))
    return {
      difference: `it answers the shape ${JSON.stringify(compiled.shape)} instead of ${JSON.stringify(original.shape)}`,
      largest: 0,
    };
  if (original.datatype.name !== compiled.datatype.name)
    return {
      difference: `it answers ${compiled.datatype.name} instead of ${original.datatype.name}`,
      largest: 0,
    };
  const { datatype, shape } = original;
  const isFloat = datatype.family === "float";
  let largest = 0;
  for (let at = 0; at < elements(shape); at++) {
    const wanted = datatype.plain(original.data, original.start + at);
    const given = datatype.plain(compiled.data, compiled.start + at);
    if (Object.is(wanted, given)) continue;
    // Nothing is near to infinity.
    if (isFloat && Number.isFinite(wanted) && typeof wanted === "number" && typeof given === "number") {
      const apart = Math.abs(given - wanted);
      if (apart <= TOLERANCE.absolute + TOLERANCE.relative * Math.abs(wanted)) {
        largest = Math.max(largest, apart);
        continue;
      }
    } else if (wanted === given) continue;
    return { difference: `${placeOf(at, shape)}: ${given} instead of ${wanted}`, largest };
  }
  return { difference: undefined, largest };
}
