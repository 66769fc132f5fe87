import { readQuantity } from "./plan/quantity.ts";

/**
 * Whether a quota leaves no room for a pod even when nothing else is there, by what the API server says:
 * `exceeded quota: few, requested: pods=1,requests.cpu=64, used: pods=0,requests.cpu=0, limited: pods=4,requests.cpu=4`.
 */
export function isBeyondQuota(said: string): boolean {
  const [, requested = "", limited = ""] =
    /exceeded quota: .*?, requested: (\S+), used: \S+, limited: ([^\s,]+(?:,[^\s,]+)*)/.exec(said) ?? [];
  const limits = valuesIn(limited);
  return [...valuesIn(requested)].some(([resource, asked]) => asked > (limits.get(resource) ?? Infinity));
}

function valuesIn(list: string): Map<string, number> {
  return new Map(
    list.split(",").flatMap((pair): [string, number][] => {
      const at = pair.lastIndexOf("=");
      return at === -1 ? [] : [[pair.slice(0, at), readQuantity(pair.slice(at + 1))]];
    }),
  );
}
