// docs/mlflow.md: made of the RPCs of the mlflow package, the routes of the sources and the calls of the tests.
import { pattern } from "./routes.mjs";

const HEAD = (version) => `# MLflow's API, call by call

Made by \`node tools/mlflow-table.mjs\` from a run of the tests; don't edit it. The contract is the one of mlflow
${version}: the list of RPCs comes from its package.

**supported**: in that run MLflow's unchanged client made the call and was answered with success. **as MLflow's
server**: the same calls were sent to \`mlflow server\` and to this platform, and the answers were the same.
**served**: the call is answered, but no test of these two kinds has made it; our own tests have.
**not offered**: the answer is 501 \`NOT_IMPLEMENTED\` with the reason.

Calls are served below \`/api/2.0\` and \`/api/3.0\`, and below \`/ajax-api\` in the same way. \`*\` stands for a name or id.
How to use them is in the [guide](guides/mlflow.md).
`;

/** `rpcs`: [service, name, method, path, version]; `calls`: `caller METHOD path`. */
export function mlflowPage({ version, served, notOffered, rpcs, calls }) {
  const status = (route) => {
    if (notOffered.has(route)) return `not offered: ${notOffered.get(route)}`;
    const by = [];
    if (calls.has(`client ${route}`)) by.push("supported");
    if (calls.has(`differential ${route}`)) by.push("as MLflow's server");
    return by.join(", ") || "served";
  };
  const known = new Set([...served, ...notOffered.keys()]);
  const services = groupBy(rpcs, ([service]) => service);
  const declared = new Set(rpcs.map(([, , method, path]) => `${method} ${pattern(path)}`));
  const parts = [HEAD(version), summary(rpcs, status)];
  for (const [service, own] of services) {
    const rows = groupBy(own, ([, , method, path]) => `${method} ${pattern(path)}`);
    const lines = [...rows]
      .filter(([route]) => known.has(route))
      .map(
        ([route, same]) => `| ${same.map(([, name]) => name).join(", ")} | \`${route}\` | ${status(route)} |`,
      );
    parts.push(`## ${service}\n\n| RPC | call | |\n|---|---|---|\n${lines.join("\n")}\n`);
  }
  const further = [...known].filter((route) => !declared.has(route)).toSorted();
  const lines = further.map((route) => `| \`${route}\` | ${status(route)} |`);
  parts.push(`## Beside the RPCs\n\n| call | |\n|---|---|\n${lines.join("\n")}\n`);
  return parts.join("\n");
}

function summary(rpcs, status) {
  const routes = new Set(rpcs.map(([, , method, path]) => `${method} ${pattern(path)}`));
  const count = (wanted) => [...routes].filter((route) => wanted.test(status(route))).length;
  return `Of ${routes.size} calls that the package declares ${count(/^(supported|as )/)} are supported, ${count(/^served/)} are served, ${count(/^not offered/)} are not offered.\n`;
}

function groupBy(items, keyOf) {
  const groups = new Map();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}

/** The calls that a page names. */
export function routesOfPage(text) {
  return new Set(Array.from(text.matchAll(/^\|.*?`([A-Z]+ \/[^`]+)`/gm), ([, route]) => route));
}
