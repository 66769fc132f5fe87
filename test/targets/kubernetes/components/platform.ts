import { parsePlatform } from "../../../../src/spec/platform/parse.ts";
import { FolderCharts } from "../../../../src/targets/kubernetes/charts/folder-charts.ts";
import type { Component } from "../../../../src/targets/kubernetes/component.ts";
import type { KubernetesObject } from "../../../../src/targets/kubernetes/object.ts";
import { REGISTRY } from "../../../../src/targets/kubernetes/registry.ts";
import { renderedFiles } from "../../../../src/targets/kubernetes/render/files.ts";
import { renderPlatform } from "../../../../src/targets/kubernetes/render/render.ts";
import type { Rendered } from "../../../../src/targets/kubernetes/render/rendered.ts";
import type { Finding } from "../../../../src/targets/kubernetes/wiring/finding.ts";
import { proveWiring } from "../../../../src/targets/kubernetes/wiring/prove.ts";

/** What the tests' charts were made into; see tools/charts.mjs. */
const CHARTS = new URL("../../../../examples/platforms/charts", import.meta.url).pathname;

const HEAD = `apiVersion: slipway/v1
kind: Platform
name: small
kubernetes: { version: "1.36" }
domain: ml.example.com
`;

function parse(rest: string, components = REGISTRY.components) {
  return parsePlatform(`${HEAD}${rest}`, "platform.yaml", components);
}

/** A small platform of these components, written as in the file; `stands` stand in the place of real ones. */
export function small(rest: string, stands: readonly Component<unknown>[] = []): Rendered {
  const names = new Set(stands.map(({ name }) => name));
  const components = [...stands, ...REGISTRY.components.filter(({ name }) => !names.has(name))];
  const parsed = parse(rest, components);
  if (!parsed.ok) throw new Error(parsed.problems.map(({ message }) => message).join("\n"));
  return renderPlatform(parsed.value.base, {
    registry: { ...REGISTRY, components },
    charts: new FolderCharts(CHARTS),
  });
}

/** What is wrong with a file. */
export function problems(rest: string): string[] {
  const parsed = parse(rest);
  return parsed.ok ? [] : parsed.problems.map(({ message }) => message);
}

/** What the proof of its wiring finds: broken edges, not what can't be known. */
export function broken(rendered: Rendered): Finding[] {
  return proveWiring(rendered, rendered.platform.kubernetes.version).filter(
    ({ severity }) => severity === "error",
  );
}

/** The bytes that it is written as. */
export function bytes(rendered: Rendered): string {
  return JSON.stringify([...renderedFiles(rendered)]);
}

export function find(rendered: Rendered, kind: string, name: string): KubernetesObject {
  const found = rendered.objects.find(({ object }) => object.kind === kind && object.metadata.name === name);
  if (found === undefined) throw new Error(`there is no ${kind} ${name}`);
  return found.object;
}
