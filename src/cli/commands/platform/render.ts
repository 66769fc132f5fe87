import { relative, resolve } from "node:path";
import type { Command } from "commander";
import { printJson, withHelp } from "../../context.ts";
import type { CliContext } from "../../context.ts";
import { EXIT, exitCodesHelp } from "../../exit.ts";
import type { FolderChanges, RenderedView } from "../../kubernetes-tools.ts";
import { openPlatform, withPlatformFile } from "./open-file.ts";
import type { PlatformFileOptions } from "./open-file.ts";

interface RenderOptions extends PlatformFileOptions {
  out?: string;
}

/** `slipway platform render`: what a platform becomes in a cluster, without a cluster. */
export function addPlatformRender(platform: Command, context: CliContext): void {
  const command = withPlatformFile(
    platform
      .command("render")
      .description("write what the platform becomes: every object, without a cluster")
      .option("--out <dir>", "a folder that Argo CD, Flux and kubectl -k take (default: YAML on stdout)"),
  ).action(context.action((options: RenderOptions) => render(context, options)));
  withHelp(
    command,
    [
      "slipway platform render --out deploy/staging -e staging",
      "slipway platform render | kubectl apply --server-side -f -",
      "slipway platform render --json",
    ],
    exitCodesHelp("refused", "notFound"),
  );
}

function render(context: CliContext, options: RenderOptions): Promise<number> {
  return openPlatform(context, options, async ({ tools, at, charts }) => {
    const rendered = tools.render(at, charts);
    const { terminal } = context;
    const folder = options.out === undefined ? undefined : resolve(terminal.cwd, options.out);
    const changes = folder === undefined ? undefined : await tools.writeFolder(rendered, folder);
    if (options.json === true)
      printJson(context, { ok: true, ...rendered, ...(changes && { folder, changes }) });
    else if (folder === undefined || changes === undefined) {
      terminal.write(tools.yaml(rendered));
      terminal.writeError(unreadCharts(rendered));
    } else {
      terminal.write(summary(rendered, relative(terminal.cwd, folder) || ".", changes));
      terminal.writeError(unreadCharts(rendered));
    }
    return EXIT.ok;
  });
}

function summary({ objects }: RenderedView, folder: string, changes: FolderChanges): string {
  const parts = new Set(objects.map(({ component }) => component));
  const { written, unchanged, removed } = changes;
  return (
    `${folder}: ${objects.length} objects of ${parts.size} components and tenants\n` +
    `files: ${written} written, ${unchanged} unchanged, ${removed} removed\n`
  );
}

/** Nobody should take for whole what isn't. */
function unreadCharts({ charts }: RenderedView): string {
  const unread = charts.filter(({ state }) => state === "reference").map(({ row }) => row);
  if (unread.length === 0) return "";
  return `unverified: what these charts make isn't known here: ${unread.join(", ")}; \`slipway platform lock\` reads them\n`;
}
