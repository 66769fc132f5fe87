import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** A folder that is removed again by `dispose`. */
export async function temporaryFolder(): Promise<{ path: string; dispose: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), "slipway-test-"));
  return { path, dispose: () => rm(path, { recursive: true, force: true }) };
}

/** Bundles a fixture, because threads and child processes of Node 20 can't run TypeScript. */
export async function bundleFixture(name: string, folder: string): Promise<string> {
  const outfile = join(folder, `${name}.mjs`);
  await build({
    entryPoints: [fileURLToPath(new URL(`fixtures/${name}.ts`, import.meta.url))],
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20.19",
    // By its path: the bundle lies outside of the package.
    alias: {
      "@photostructure/sqlite": import.meta.resolve("@photostructure/sqlite"),
      pg: import.meta.resolve("pg"),
    },
    external: ["file:*"],
    logLevel: "warning",
  });
  return outfile;
}
