import type { ClusterChoice } from "../cli/cluster-tools.ts";
import type { ChartFolder, KubernetesTools, RenderedView } from "../cli/kubernetes-tools.ts";
import { parsePlatform } from "../spec/platform/parse.ts";
import type { PlatformAt } from "../spec/platform/parse.ts";
import { FolderCharts } from "../targets/kubernetes/charts/folder-charts.ts";
import type { LockEntry } from "../targets/kubernetes/lock.ts";
import { can } from "../targets/kubernetes/network/can.ts";
import { REGISTRY } from "../targets/kubernetes/registry.ts";
import { renderedFiles } from "../targets/kubernetes/render/files.ts";
import { compareText } from "../targets/kubernetes/render/order.ts";
import { renderPlatform } from "../targets/kubernetes/render/render.ts";
import type { Rendered } from "../targets/kubernetes/render/rendered.ts";
import { writeFolder } from "../targets/kubernetes/render/write-folder.ts";
import { toYaml } from "../targets/kubernetes/render/yaml.ts";
import { namedEnds } from "../targets/kubernetes/wiring/named-ends.ts";

/** Wires the Kubernetes target to the commands of `slipway platform`. */
export function createKubernetesTools(): KubernetesTools {
  const render = (at: PlatformAt, charts: ChartFolder): Rendered =>
    renderPlatform(at, { registry: REGISTRY, charts: new FolderCharts(charts) });
  return {
    components: REGISTRY.components,
    parse: (text, file) => parsePlatform(text, file, REGISTRY.components),
    render,
    writeFolder: (rendered, folder) => writeFolder(folder, renderedFiles(rendered as Rendered)),
    yaml: ({ objects }: RenderedView) => objects.map(({ object }) => `---\n${toYaml(object)}`).join(""),
    can: (at, charts, from, to) => can(namedEnds(render(at, charts)), from, to),
    cluster: async (choice: ClusterChoice) => {
      const { createClusterTools } = await import("./cluster-tools.ts");
      return createClusterTools(choice, render(choice.at, choice.charts));
    },
    lock: (versions, charts) => {
      const rows = new Map<string, LockEntry>();
      for (const at of versions) for (const entry of render(at, charts).locked) rows.set(entry.row, entry);
      return [...rows.values()].sort((a, b) => compareText(a.row, b.row));
    },
    readCharts: async (versions, charts, from) => {
      const [{ readCharts }, { MACHINE }] = await Promise.all([
        import("../targets/kubernetes/charts/read-charts.ts"),
        import("../targets/kubernetes/charts/machine.ts"),
      ]);
      const platforms = versions.map((at) => render(at, charts));
      return readCharts(platforms, charts, { from, deps: MACHINE });
    },
  };
}
