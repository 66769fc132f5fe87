import { mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { compareText } from "../render/order.ts";
import type { Rendered } from "../render/rendered.ts";
import { chartFileName, chartFileText } from "./chart-file.ts";
import { vendorChart } from "./vendor.ts";
import type { VendorDeps, VendorWish } from "./vendor.ts";

/** What became of one chart: a file that was there, one that was written, or why there is none. */
interface ChartReading {
  row: string;
  file: string;
  state: "kept" | "read" | "unread";
  why?: string;
}

/**
 * Reads what the charts of a platform make, in every environment, into a folder: those that aren't there yet.
 * Takes away what an older version made with the same values; other platforms may keep theirs in the same folder.
 * `from`: by row, a folder or file instead of the source in the table of
 * versions; such a row is read anew. One that can't be had is told and stops no other.
 */
export async function readCharts(
  platforms: readonly Rendered[],
  folder: string,
  { from, deps }: { from: ReadonlyMap<string, string>; deps: VendorDeps },
): Promise<ChartReading[]> {
  const wishes = wishesOf(platforms, from);
  const there = new Set(await readdir(folder).catch(() => []));
  const readings: ChartReading[] = [];
  // One after the other: a chart that another brings along is fetched once by helm's own cache.
  for (const [file, wish] of wishes) {
    const { row } = wish.entry;
    if (there.has(file) && !from.has(row)) readings.push({ row, file, state: "kept" });
    else readings.push(await readOne(file, wish, folder, deps));
  }
  const current = readings.filter(({ state }) => state !== "unread").map(({ file }) => file);
  for (const name of there)
    if (current.some((file) => isOlder(name, file))) await rm(join(folder, name), { force: true });
  return readings.sort((a, b) => compareText(a.file, b.file));
}

/** The same chart with the same values in another version. */
function isOlder(name: string, file: string): boolean {
  const parts = (text: string) => /^(.+?)-v?\d[\w.-]*-([0-9a-f]{12})\.json$/.exec(text);
  const [one, other] = [parts(name), parts(file)];
  return name !== file && one !== null && other !== null && one[1] === other[1] && one[2] === other[2];
}

function wishesOf(
  platforms: readonly Rendered[],
  from: ReadonlyMap<string, string>,
): Map<string, VendorWish> {
  const wishes = new Map<string, VendorWish>();
  for (const { charts, locked, platform } of platforms)
    for (const use of charts) {
      const entry = locked.find(({ row }) => row === use.row);
      if (entry === undefined) continue;
      const instead = from.get(use.row);
      wishes.set(chartFileName(use, entry), {
        use,
        entry,
        kubernetes: platform.kubernetes.version,
        ...(instead === undefined ? {} : { instead }),
      });
    }
  return wishes;
}

async function readOne(
  file: string,
  wish: VendorWish,
  folder: string,
  deps: VendorDeps,
): Promise<ChartReading> {
  const { row } = wish.entry;
  try {
    const text = chartFileText(await vendorChart(wish, deps));
    await mkdir(folder, { recursive: true });
    const temporary = join(folder, `.${file}.${process.pid}.tmp`);
    await writeFile(temporary, text);
    await rename(temporary, join(folder, file));
    return { row, file, state: "read" };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { row, file, state: "unread", why };
  }
}
