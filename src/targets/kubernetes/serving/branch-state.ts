import { parse, parseAllDocuments, stringify } from "yaml";
import type { TrafficRule } from "../../../serving/backend.ts";
import type { RuleBook, RuleBookState } from "../../../serving/router/rule-book.ts";
import type { KubernetesObject } from "../object.ts";
import {
  MANAGED_BY,
  MANAGER,
  RECORD,
  SERVICE_LABEL,
  serviceLabel,
  serviceName,
  variantName,
} from "./names.ts";
import type { PodVariant } from "./variant.ts";

const RULE = "rule.json";

/** What a branch says is to run. */
export interface BranchState {
  variants: PodVariant[];
  rules: RuleBookState;
}

interface TrafficRecord {
  service: string;
  rule?: TrafficRule;
  stopped?: boolean;
  /** Of the commit that removed its rule. */
  removed?: number;
}

export function variantPath(namespace: string, variant: PodVariant): string {
  return `${namespace}/${variantName(variant)}.yaml`;
}

export function trafficPath(namespace: string, service: string): string {
  return `${namespace}/traffic-${serviceName(service)}.yaml`;
}

/** Objects as a file of the branch. */
export function fileOf(objects: readonly KubernetesObject[]): string {
  return objects.map((object) => stringify(object, { lineWidth: 0 })).join("---\n");
}

export function objectsIn(file: string): KubernetesObject[] {
  return parseAllDocuments(file).flatMap((document) => (document.toJS() as KubernetesObject | null) ?? []);
}

/** What is in force for it: its rule, or that it was removed. */
export function trafficRecord(rules: RuleBook, service: string): TrafficRecord {
  const inForce = rules.find(service);
  if (inForce !== undefined)
    return { service, rule: inForce.rule, ...(inForce.stopped ? { stopped: true } : {}) };
  const removed = rules.state().removed.find((one) => one.service === service)?.order;
  return { service, ...(removed === undefined ? {} : { removed }) };
}

/** A service's rule, for whoever takes over: serve pods are told by control, not by the cluster. */
export function renderTraffic(namespace: string, record: TrafficRecord): KubernetesObject {
  const { service } = record;
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: {
      name: `traffic-${serviceName(service)}`,
      namespace,
      labels: { [MANAGED_BY]: MANAGER, [SERVICE_LABEL]: serviceLabel(service) },
    },
    data: { [RULE]: `${JSON.stringify(record, null, 2)}\n` },
  };
}

/** Reads what was rendered: each file tells by itself what it was made of. */
export function readBranch(files: ReadonlyMap<string, string>): BranchState {
  const state: BranchState = { variants: [], rules: { rules: [], removed: [] } };
  for (const file of files.values()) {
    const first = parse(file.split(/^---$/m, 1)[0] ?? "") as KubernetesObject | null;
    const record = first?.metadata.annotations?.[RECORD];
    if (record !== undefined) state.variants.push(JSON.parse(record) as PodVariant);
    const traffic = (first?.["data"] as Record<string, string> | undefined)?.[RULE];
    if (traffic !== undefined) addTraffic(state.rules, JSON.parse(traffic) as TrafficRecord);
  }
  return state;
}

function addTraffic(
  { rules, removed }: RuleBookState,
  { service, rule, stopped = false, removed: order }: TrafficRecord,
): void {
  if (rule !== undefined) rules.push({ rule, stopped });
  else if (order !== undefined) removed.push({ service, order });
}
