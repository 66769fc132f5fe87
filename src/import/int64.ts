const [LEAST, MOST] = [-(2n ** 63n), 2n ** 63n - 1n];

/** An int64 of the wire as the database takes it; what doesn't fit is cut to the nearest that does. */
export function int64(value: number | string): number | bigint {
  if (typeof value === "number") return value;
  const exact = BigInt(value);
  const within = exact < LEAST ? LEAST : exact > MOST ? MOST : exact;
  return within >= BigInt(Number.MIN_SAFE_INTEGER) && within <= BigInt(Number.MAX_SAFE_INTEGER)
    ? Number(within)
    : within;
}
