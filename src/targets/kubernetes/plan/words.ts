import type { Asks } from "./asks.ts";
import type { Capacity } from "./capacity.ts";
import type { FieldChange } from "./field-changes.ts";
import type { PlannedObject } from "./object-plan.ts";
import type { Plan } from "./plan.ts";
import { cores, gibibytes } from "./quantity.ts";

const SIGNS: Readonly<Record<PlannedObject["action"], string>> = {
  create: "+",
  change: "~",
  replace: "±",
  delete: "-",
  keep: " ",
  blocked: "!",
};

/** Parts shown one by one; the rest is summed up. */
const MAX_PARTS = 12;

/** A plan as people read it: what changes, what it asks for, who notices, what is lost, then one line of counts. */
export function planLines(plan: Plan): string[] {
  const { touched } = plan;
  return [
    ...plan.objects.flatMap(objectLines),
    ...section("asked for", capacityLines(plan.capacity)),
    ...section("touched", [
      ...(touched.tenants.length === 0 ? [] : [`tenants: ${touched.tenants.join(", ")}`]),
      ...(touched.services.length === 0 ? [] : [`services: ${touched.services.join(", ")}`]),
    ]),
    ...section("can't be undone", plan.losses),
    ...section("unverified", plan.unverified),
    ...section("note", plan.warnings),
    "",
    countLine(plan.objects),
  ];
}

/** One object with its fields; nothing for what stays as it is. */
export function objectLines(planned: PlannedObject): string[] {
  const { action, key, fields, note, problem, checked, conflicts } = planned;
  if (action === "keep" && note === undefined) return [];
  const unchecked = checked === "no" && note !== undefined ? ` (${note})` : "";
  return [
    `${SIGNS[action]} ${key}${unchecked}`,
    ...fields.map((change) => `    ${fieldLine(change)}`),
    ...(note !== undefined && unchecked === "" ? [`    ${note}`] : []),
    ...(problem === undefined ? [] : [`    ${problem.message}`]),
    ...(conflicts.length === 0
      ? []
      : ["    leave them to their owner, or take them over with --force-conflicts"]),
  ];
}

function fieldLine({ path, before, after }: FieldChange): string {
  if (before === undefined) return `+ ${path}: ${valueText(after)}`;
  if (after === undefined) return `- ${path}: ${valueText(before)}`;
  return `~ ${path}: ${valueText(before)} -> ${valueText(after)}`;
}

function valueText(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "nothing");
  const line = text.replaceAll(/\s*\n\s*/g, " ");
  return line.length > 100 ? `${line.slice(0, 99)}…` : line;
}

/** `3 to create, 1 to change, 0 to delete, 40 unchanged`. */
export function countLine(objects: readonly PlannedObject[]): string {
  const count = (action: PlannedObject["action"]) => objects.filter((one) => one.action === action).length;
  const parts = [
    `${count("create")} to create`,
    `${count("change")} to change`,
    ...(count("replace") > 0 ? [`${count("replace")} to replace`] : []),
    `${count("delete")} to delete`,
    `${count("keep")} unchanged`,
    ...(count("blocked") > 0 ? [`${count("blocked")} blocked`] : []),
  ];
  return parts.join(", ");
}

function capacityLines({ asked, most, parts, nodes, lacks }: Capacity): string[] {
  const shown = parts.slice(0, MAX_PARTS);
  return [
    asksText(asked),
    ...(most.pods > asked.pods ? [`with every autoscaler at its most: ${asksText(most)}`] : []),
    ...shown.map((one) => `  ${one.part}: ${asksText(one.asked)}`),
    ...(parts.length > shown.length ? [`  and ${parts.length - shown.length} more`] : []),
    nodes === undefined
      ? "what the nodes have isn't known: the right to look at them is missing"
      : `the cluster has ${nodes.nodes} ${nodes.nodes === 1 ? "node" : "nodes"} with ${cores(nodes.allocatable.cpu)} cores, ${gibibytes(nodes.allocatable.memory)}; others ask for ${cores(nodes.takenByOthers.cpu)} cores, ${gibibytes(nodes.takenByOthers.memory)}`,
    ...lacks.map((lack) => `doesn't fit: ${lack}`),
  ];
}

/** `2.5 cores, 6 GiB, 50 GiB of storage, 9 pods`. */
export function asksText({ cpu, memory, storage, pods }: Asks): string {
  const volumes = storage === 0 ? "" : `, ${gibibytes(storage)} of storage`;
  return `${cores(cpu)} cores, ${gibibytes(memory)}${volumes}, ${pods} pods`;
}

function section(head: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ["", `${head}:`, ...lines.map((line) => `  ${line}`)];
}
