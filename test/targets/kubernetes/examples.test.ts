import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parsePlatform } from "../../../src/spec/platform/parse.ts";
import { FolderCharts } from "../../../src/targets/kubernetes/charts/folder-charts.ts";
import { REGISTRY } from "../../../src/targets/kubernetes/registry.ts";
import { renderPlatform } from "../../../src/targets/kubernetes/render/render.ts";
import type { Rendered } from "../../../src/targets/kubernetes/render/rendered.ts";
import { proveWiring } from "../../../src/targets/kubernetes/wiring/prove.ts";

const FOLDER = new URL("../../../examples/platforms/", import.meta.url).pathname;

/** A platform of record, without an overlay and in each of its environments. */
function versionsOf(name: string): [environment: string, Rendered][] {
  const file = `${name}.yaml`;
  const parsed = parsePlatform(readFileSync(`${FOLDER}${file}`, "utf8"), file, REGISTRY.components);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems, null, 2));
  const { base, environments } = parsed.value;
  const charts = new FolderCharts(`${FOLDER}charts`);
  return [["no environment", base] as const, ...environments].map(([environment, at]) => [
    environment,
    renderPlatform(at, { registry: REGISTRY, charts }),
  ]);
}

describe.each(["delivery", "tenants"])("the platform of record %s", (name) => {
  test.each(versionsOf(name))("is whole with %s: nothing that it names is missing", (_, rendered) => {
    const found = proveWiring(rendered, rendered.platform.kubernetes.version);
    expect(found.filter(({ severity }) => severity === "error")).toEqual([]);
  });
});

test("what isn't known of them is the chart that can't be had", () => {
  const unread = versionsOf("delivery").map(([, { charts }]) =>
    charts.filter(({ state }) => state === "reference").map(({ row }) => row),
  );
  expect([...new Set(unread.flat())]).toEqual(["argo-workflows-definitions"]);
});
