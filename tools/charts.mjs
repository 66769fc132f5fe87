// `node tools/charts.mjs [FILE…]`: what the charts and manifests of the examples make, written into examples/platforms/charts with
// sources out of Go modules at exact versions. What is in no module stays unread, and says so; that is no failure.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensureProgram } from "./cluster/programs.mjs";
import { moduleFolderOf, sourceOf } from "./cluster/sources.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const helm = ensureProgram("helm");
const scratch = mkdtempSync(join(tmpdir(), "slipway-charts-"));
/** By row of the table of versions: what `--from` names. */
const FROM = {
  "argo-cd": () => join(moduleFolderOf("argo-cd"), "manifests/install.yaml"),
  "cert-manager": () => packaged("cert-manager", "deploy/charts/cert-manager"),
  "cloudnative-pg": () => join(moduleFolderOf("cloudnative-pg"), "releases/cnpg-1.30.0.yaml"),
  "gateway-api": () => join(moduleFolderOf("gateway-api"), "config/crd/standard"),
  kserve: () => join(moduleFolderOf("kserve"), "charts/kserve-resources"),
  "kserve-crd": () => join(moduleFolderOf("kserve"), "charts/kserve-crd"),
  "kserve-runtimes": () => join(moduleFolderOf("kserve"), "charts/kserve-runtime-configs"),
  "prometheus-operator": () => join(moduleFolderOf("prometheus-operator"), "bundle.yaml"),
};

const files = process.argv.slice(2);
try {
  for (const file of files.length > 0 ? files : examples()) lock(file);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

function examples() {
  const folder = join(root, "examples", "platforms");
  return readdirSync(folder)
    .filter((name) => name.endsWith(".yaml") && !name.endsWith(".lock.yaml"))
    .map((name) => join(folder, name));
}

function lock(file) {
  const env = { ...process.env, PATH: [dirname(helm), process.env.PATH].join(delimiter) };
  const slipway = (...args) =>
    spawnSync(join(root, "bin", "slipway"), ["platform", ...args, "-f", file], {
      encoding: "utf8",
      env,
      maxBuffer: 256 * 1024 * 1024,
    });
  const { stdout, stderr } = slipway("render", "--json");
  if (stdout === "") throw new Error(`${file}: ${stderr}`);
  const { ok, problems, charts } = JSON.parse(stdout);
  if (!ok) throw new Error([file, ...problems.map(({ message }) => message)].join("\n"));
  const rows = new Set(charts.map(({ row }) => row));
  const from = Object.entries(FROM).filter(([row]) => rows.has(row));
  const done = slipway("lock", ...from.flatMap(([row, path]) => ["--from", `${row}=${path()}`]));
  console.log(`${file}\n${done.stdout}${done.stderr}`);
}

/** A chart of a source tree has no version yet, and images are named by it: it is packaged as the project's release does. */
function packaged(set, path) {
  const { version } = sourceOf(set);
  const chart = join(moduleFolderOf(set), path);
  const args = ["package", chart, "--version", version, "--app-version", version, "--destination", scratch];
  const { status, stderr } = spawnSync(helm, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`helm package of ${set}: ${stderr}`);
  return join(scratch, `${set}-${version}.tgz`);
}
