import type { Path } from "../issue.ts";
import { isMap, namesOf } from "./named-lists.ts";
import type { Fields } from "./named-lists.ts";

/** An overlay laid over the file, and where in the file each part of it came from. */
export interface Merged {
  data: unknown;
  origin(path: Path): Path;
}

/**
 * A JSON merge patch (RFC 7396: maps are merged, null takes a key away) with one difference: a list whose items all
 * have a `name` is merged by these names, and a new name is put at its end; any other list is replaced whole.
 */
export function applyOverlay(base: unknown, overlay: unknown, overlayPath: Path): Merged {
  const origins = new Map<string, Path>();
  const data = merge(base, overlay, { path: [], source: overlayPath, origins });
  return { data, origin: (path) => originOf(path, origins) };
}

interface Place {
  /** In the merged file. */
  path: Path;
  /** In the file as it is written. */
  source: Path;
  origins: Map<string, Path>;
}

function merge(base: unknown, overlay: unknown, place: Place): unknown {
  if (isMap(base) && isMap(overlay)) return mergeMaps(base, overlay, place);
  const [baseNames, overlayNames] = [namesOf(base), namesOf(overlay)];
  if (baseNames !== undefined && overlayNames !== undefined)
    return mergeLists(base as unknown[], overlay as unknown[], { baseNames, overlayNames, place });
  place.origins.set(JSON.stringify(place.path), place.source);
  return isMap(overlay) ? withoutNulls(overlay) : overlay;
}

function mergeMaps(base: Fields, overlay: Fields, place: Place): Fields {
  const kept = new Map(Object.entries(base));
  for (const [key, value] of Object.entries(overlay)) {
    if (value === null) kept.delete(key);
    else kept.set(key, merge(kept.get(key), value, step(place, key, key)));
  }
  return Object.fromEntries(kept);
}

interface NamedLists {
  baseNames: readonly string[];
  overlayNames: readonly string[];
  place: Place;
}

function mergeLists(base: readonly unknown[], overlay: readonly unknown[], lists: NamedLists): unknown[] {
  const items = [...base];
  const names = [...lists.baseNames];
  for (const [index, item] of overlay.entries()) {
    const name = lists.overlayNames[index] as string;
    const found = names.indexOf(name);
    const at = found === -1 ? items.length : found;
    items[at] = merge(items[at], item, step(lists.place, at, index));
    names[at] = name;
  }
  return items;
}

function step({ path, source, origins }: Place, at: string | number, from: string | number): Place {
  return { path: [...path, at], source: [...source, from], origins };
}

/** A null in a new part of the file takes away what isn't there. */
function withoutNulls(map: Fields): Fields {
  return Object.fromEntries(
    Object.entries(map)
      .filter(([, value]) => value !== null)
      .map(([key, value]) => [key, isMap(value) ? withoutNulls(value) : value]),
  );
}

/** That of the longest part of the path that an overlay gave; what none gave stands where it is. */
function originOf(path: Path, origins: ReadonlyMap<string, Path>): Path {
  for (let length = path.length; length >= 0; length--) {
    const source = origins.get(JSON.stringify(path.slice(0, length)));
    if (source !== undefined) return [...source, ...path.slice(length)];
  }
  return path;
}
