// Our own part of the image: the command as it was built, and the packages that it can't carry inside.
import { cpSync, existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { complete, file, link, text, tree } from "./entries.mjs";
import { libraries } from "./machine.mjs";

const root = dirname(dirname(import.meta.dirname));
export const HOME = "/opt/slipway";
/** What tools/build.mjs leaves outside of the bundle, with what that needs to run. */
const PACKAGES = ["onnxruntime-node", "onnxruntime-common", "@photostructure/sqlite", "node-gyp-build"];
const SYSTEM = `${process.platform}-${process.arch}`;

/** `{ name, entries }` of each layer: packages, which seldom change, below the command, which often does. */
export function appLayers() {
  return [
    { name: "packages", entries: complete([...packages(), ...linked()]) },
    { name: "slipway", entries: [...command(), link("/usr/local/bin/slipway", `${HOME}/bin/slipway`)] },
  ];
}

/**
 * The same as files, for a build that copies them: what lies in /opt/slipway.
 * @param {string} target made if it isn't there
 */
export function writeApp(target) {
  for (const entry of [...packages(), ...command()]) {
    const path = join(target, entry.path.slice(HOME.length));
    mkdirSync(entry.type === "folder" ? path : dirname(path), { recursive: true });
    if (entry.type === "file") cpSync(entry.source, path);
    if (entry.type === "text") writeFileSync(path, entry.text);
  }
}

function command() {
  const dist = realpathSync(join(root, "dist"));
  return [
    text(`${HOME}/package.json`, manifest()),
    ...["LICENSE", "bin/slipway"].map((name) => file(`${HOME}/${name}`, join(root, name))),
    ...tree(`${HOME}/templates`, join(root, "templates")),
    ...tree(`${HOME}/dist`, dist, (path) => path !== ".built"),
  ];
}

/** Without the development's part. */
function manifest() {
  const { name, version, license, type } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  return `${JSON.stringify({ name, version, license, type, bin: { slipway: "bin/slipway" } }, null, 2)}\n`;
}

function packages() {
  return PACKAGES.flatMap((name) => {
    const folder = join(root, "node_modules", name);
    if (!existsSync(folder)) throw new Error(`node_modules has no ${name}: npm ci`);
    return tree(`${HOME}/node_modules/${name}`, folder, runs);
  });
}

/** Libraries of this machine that the packages' own binaries name, which no program of the layers below may need. */
function linked() {
  const binaries = packages()
    .filter(
      ({ type, path }) => type === "file" && /\.node$|\.so(\.\d+)*$/.test(path) && !path.includes("musl"),
    )
    .map(({ source }) => source);
  return binaries.length === 0 ? [] : libraries(binaries, join(root, "node_modules"));
}

/** Not the binaries of other systems, not what a package is built from. */
function runs(path) {
  const [, , system, architecture] = path.split("/");
  if (path.startsWith("bin/napi-") && system !== undefined)
    return system === process.platform && (architecture ?? process.arch) === process.arch;
  if (path.startsWith("prebuilds/")) return path.startsWith(`prebuilds/${SYSTEM}`);
  return !/^(src|scripts?|binding\.gyp|node_modules)$|\.(d\.[cm]?ts|map)$/.test(path);
}
