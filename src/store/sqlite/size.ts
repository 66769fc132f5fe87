/** Of a number, a bigint or another small value, and of what stands around a value. */
const SMALL = 9;

/**
 * About how many bytes a command's arguments hold while they wait: exact for long texts and byte arrays, which is
 * what fills memory. A walk costs less than writing them out to count what was written.
 */
export function sizeOf(value: unknown): number {
  if (typeof value === "string") return SMALL + value.length;
  if (typeof value !== "object" || value === null) return SMALL;
  if (ArrayBuffer.isView(value)) return SMALL + value.byteLength;
  let size = SMALL;
  if (Array.isArray(value)) {
    for (const item of value) size += sizeOf(item);
    return size;
  }
  for (const name in value) size += name.length + sizeOf((value as Record<string, unknown>)[name]);
  return size;
}
