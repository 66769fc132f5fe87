// Keeps docs/reference/ equal to the schemas. `--write` writes it; without, exit code 1 says that it is stale.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const folder = join(root, "docs", "reference");

/** The pages by file name, from the sources as they are now. */
async function pages() {
  // Inside the clone, so that packages resolve; by process, so that two runs don't meet.
  const bundle = join(root, "node_modules", ".cache", `slipway-reference-${process.pid}.mjs`);
  await build({
    absWorkingDir: root,
    stdin: {
      contents:
        'export { projectJsonSchema } from "./src/spec/json-schema.ts"; export { projectReference } from "./src/spec/reference.ts";',
      resolveDir: root,
    },
    outfile: bundle,
    bundle: true,
    format: "esm",
    platform: "node",
    packages: "external",
    logLevel: "warning",
  });
  try {
    const { projectJsonSchema, projectReference } = await import(pathToFileURL(bundle).href);
    const schema = projectJsonSchema();
    return {
      "slipway.schema.json": `${JSON.stringify(schema, null, 2)}\n`,
      "slipway-yaml.md": projectReference(schema),
    };
  } finally {
    rmSync(bundle, { force: true });
  }
}

/** Whether the committed page says the same; JSON may be laid out in another way by the formatter. */
function isCurrent(name, wanted) {
  try {
    const text = readFileSync(join(folder, name), "utf8");
    return name.endsWith(".json")
      ? JSON.stringify(JSON.parse(text)) === JSON.stringify(JSON.parse(wanted))
      : text === wanted;
  } catch {
    return false;
  }
}

const wanted = await pages();
const stale = Object.keys(wanted).filter((name) => !isCurrent(name, wanted[name]));
if (process.argv.includes("--write")) {
  mkdirSync(folder, { recursive: true });
  for (const name of stale) writeFileSync(join(folder, name), wanted[name]);
  console.log(stale.length === 0 ? "reference: nothing to write" : `reference: wrote ${stale.join(", ")}`);
} else {
  for (const name of stale) console.error(`docs/reference/${name} isn't what the schema says`);
  console.log(
    stale.length === 0
      ? "reference: as the schemas say"
      : "reference: stale; run `node tools/reference.mjs --write`",
  );
  process.exitCode = stale.length === 0 ? 0 : 1;
}
