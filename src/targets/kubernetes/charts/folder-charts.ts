import { readFileSync } from "node:fs";
import { join } from "node:path";
import { SlipwayError } from "../../../http/errors.ts";
import type { ChartUse } from "../component.ts";
import type { LockEntry } from "../lock.ts";
import type { KubernetesObject } from "../object.ts";
import { chartFileName, chartObjects } from "./chart-file.ts";
import type { ChartSource } from "./chart-source.ts";

/** Charts whose output lies in a folder, as `slipway platform lock` writes it beside platform.yaml. */
export class FolderCharts implements ChartSource {
  private readonly folder: string;

  /** The folder needn't exist: then no chart is read. */
  constructor(folder: string) {
    this.folder = folder;
  }

  /** PLATFORM_CHART_BROKEN when a file of that name isn't one that lock wrote. */
  objects(use: ChartUse, entry: LockEntry): readonly KubernetesObject[] | undefined {
    const name = chartFileName(use, entry);
    const text = this.read(name);
    if (text === undefined) return undefined;
    try {
      return chartObjects(text);
    } catch (error) {
      throw new SlipwayError("PLATFORM_CHART_BROKEN", `charts/${name} isn't what \`platform lock\` wrote`, {
        given: error instanceof Error ? error.message.slice(0, 200) : String(error),
      });
    }
  }

  private read(name: string): string | undefined {
    try {
      return readFileSync(join(this.folder, name), "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }
}
