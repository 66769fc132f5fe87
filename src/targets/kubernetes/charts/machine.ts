import { spawn } from "node:child_process";
import { readFile, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { SlipwayError } from "../../../http/errors.ts";
import type { VendorDeps } from "./vendor.ts";

const WAIT_MS = 120_000;
/** A release's manifests with all their definitions have some MiB. */
const MOST_BYTES = 64 * 1024 * 1024;

/** The user's own helm and network: what a chart makes is read from the chart, where the user may get it. */
export const MACHINE: VendorDeps = { helm, read };

/** Values come by stdin, so that none is in the list of processes. HELM_MISSING, CHART_NOT_READ. */
async function helm(args: readonly string[], values: string): Promise<string> {
  const child = spawn("helm", [...args, "--values", "-"], {
    stdio: ["pipe", "pipe", "pipe"],
    timeout: WAIT_MS,
  });
  const started = new Promise<never>((_, reject) => child.once("error", reject));
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  // Helm may end before it has read them; how it ended says why.
  child.stdin.on("error", () => {});
  child.stdin.end(values);
  try {
    const [out, err, code] = await Promise.race([
      Promise.all([text(child.stdout), text(child.stderr), ended]),
      started,
    ]);
    if (code === 0) return out;
    throw new SlipwayError("CHART_NOT_READ", `helm ${args.slice(0, 3).join(" ")}: ${lastLine(err)}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw new SlipwayError("HELM_MISSING", "there is no `helm` to read charts with");
  }
}

/** An https:// address, a file, or all YAML files of a folder. CHART_NOT_READ when it isn't to be had. */
async function read(address: string): Promise<string> {
  if (address.startsWith("https://")) return fetched(address);
  const info = await stat(address).catch(() => undefined);
  if (info === undefined) throw new SlipwayError("CHART_NOT_READ", `there is no file ${address}`);
  if (!info.isDirectory()) return readFile(address, "utf8");
  const names = (await readdir(address)).filter(
    (name) => /\.ya?ml$/.test(name) && name !== "kustomization.yaml",
  );
  const files = await Promise.all(names.sort().map((name) => readFile(join(address, name), "utf8")));
  return files.join("\n---\n");
}

async function fetched(address: string): Promise<string> {
  const why = (said: string) => new SlipwayError("CHART_NOT_READ", `${address}: ${said}`);
  const response = await fetch(address, { signal: AbortSignal.timeout(WAIT_MS) }).catch((error: unknown) => {
    throw why(error instanceof Error ? error.message : String(error));
  });
  if (!response.ok || response.body === null) throw why(`answered ${response.status}`);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > MOST_BYTES) throw why(`is larger than ${MOST_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1)?.slice(0, 500) ?? "";
}
