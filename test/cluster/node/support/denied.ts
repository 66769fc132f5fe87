import { readFileSync } from "node:fs";
import { join } from "node:path";
import { testNode } from "./node.ts";

interface AuditEvent {
  verb: string;
  user: { username: string };
  objectRef?: { resource?: string; subresource?: string; namespace?: string; name?: string };
  responseStatus?: { code?: number };
}

/**
 * What the accounts of these namespaces asked of the API server and weren't let, by its audit log, which the node of these
 * tests writes. Throws where there is none: nothing else tells it for sure.
 */
export function denied(namespaces: readonly string[]): string[] {
  const { state } = testNode();
  if (state === undefined)
    throw new Error(
      "SLIPWAY_TEST_NODE names no folder with the API server's audit.log, which tells of rights",
    );
  const log = join(state, "audit.log");
  const prefixes = namespaces.map((name) => `system:serviceaccount:${name}:`);
  const refused = readFileSync(log, "utf8")
    .split("\n")
    .filter((line) => line.includes('"code":403'))
    .map((line) => JSON.parse(line) as AuditEvent)
    .filter(
      ({ user, responseStatus }) =>
        responseStatus?.code === 403 && prefixes.some((prefix) => user.username.startsWith(prefix)),
    );
  return [...new Set(refused.map(words))];
}

function words({
  verb,
  user,
  objectRef: { resource, subresource, namespace, name } = {},
}: AuditEvent): string {
  const what = subresource === undefined ? resource : `${resource}/${subresource}`;
  return `${user.username} ${verb} ${what} ${namespace ?? ""}/${name ?? ""}`;
}
