import type { KubernetesObject } from "../object.ts";

/** One field that is otherwise after than before; `undefined` where there is none. */
export interface FieldChange {
  /** `.spec.template.spec.containers[name=app].image`. */
  path: string;
  before: unknown;
  after: unknown;
}

/** The server's own notes about an object. */
const SERVER_METADATA: ReadonlySet<string> = new Set([
  "creationTimestamp",
  "deletionGracePeriodSeconds",
  "deletionTimestamp",
  "generation",
  "managedFields",
  "resourceVersion",
  "selfLink",
  "uid",
]);

/** Keys by which items of a list are the same item, in the order in which they are tried. */
const ITEM_KEYS = ["name", "containerPort", "port", "key", "ip", "mountPath", "type"] as const;

/** Shown instead of what a Secret holds. */
const HIDDEN = "(hidden)";

/**
 * Field by field what turns one state of an object into the other. Both are the server's own words, so what it fills
 * in by itself is no change. Values of Secrets are never shown.
 */
export function fieldChanges(before: KubernetesObject, after: KubernetesObject): FieldChange[] {
  const changes: FieldChange[] = [];
  compare(wished(before), wished(after), "", changes);
  return after.kind === "Secret" || before.kind === "Secret" ? changes.map(hide) : changes;
}

function wished(object: KubernetesObject): Fields {
  const kept = Object.entries(object.metadata).filter(([key]) => !SERVER_METADATA.has(key));
  const fields = Object.entries(object).filter(([key]) => key !== "status");
  return { ...Object.fromEntries(fields), metadata: Object.fromEntries(kept) };
}

type Fields = Record<string, unknown>;

function compare(before: unknown, after: unknown, path: string, changes: FieldChange[]): void {
  if (isMap(before) && isMap(after)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)]))
      compare(before[key], after[key], `${path}${step(key)}`, changes);
    return;
  }
  if (Array.isArray(before) && Array.isArray(after)) return compareLists(before, after, path, changes);
  if (!isSame(before, after)) changes.push({ path, before, after });
}

function compareLists(before: unknown[], after: unknown[], path: string, changes: FieldChange[]): void {
  const key = ITEM_KEYS.find((one) => isKey(before, one) && isKey(after, one));
  if (key === undefined) {
    const length = Math.max(before.length, after.length);
    for (let index = 0; index < length; index++)
      compare(before[index], after[index], `${path}[${index}]`, changes);
    return;
  }
  const names = (list: unknown[]) => list.map((item) => (item as Fields)[key]);
  for (const name of new Set([...names(before), ...names(after)])) {
    const find = (list: unknown[]) => list.find((item) => (item as Fields)[key] === name);
    compare(find(before), find(after), `${path}[${key}=${String(name)}]`, changes);
  }
}

/** Whether every item has this key, each another value. */
function isKey(list: readonly unknown[], key: string): boolean {
  const values = list.map((item) => (isMap(item) ? item[key] : undefined));
  return (
    values.every((value) => typeof value === "string" || typeof value === "number") &&
    new Set(values).size === values.length
  );
}

function isMap(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** An absent map or list and an empty one say the same to the server. */
function isSame(before: unknown, after: unknown): boolean {
  if (before === after) return true;
  if (isNothing(before) && isNothing(after)) return true;
  return JSON.stringify(before) === JSON.stringify(after);
}

function isNothing(value: unknown): boolean {
  return value === undefined || value === null;
}

function step(key: string): string {
  return /^[A-Za-z0-9_-]+$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}

function hide(change: FieldChange): FieldChange {
  if (!/^\.(?:data|stringData)\b/.test(change.path)) return change;
  const { path, before, after } = change;
  return {
    path,
    before: before === undefined ? undefined : HIDDEN,
    after: after === undefined ? undefined : HIDDEN,
  };
}
