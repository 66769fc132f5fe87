// Python environments for tests, without installing anything: they share the packages of the tests' own one.
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
// @ts-expect-error a plain module, shared with the tools that run without a build
import { ensurePython } from "../../tools/python.mjs";

/** Python of the tests' own environment. */
export function testPython(): string {
  return (ensurePython as () => string)();
}

/**
 * The tests' environment as one that a platform has built before, in its cache: a model that pins what is installed
 * in it is served from it.
 */
export function seedEnvironment(dataDir: string): void {
  const folder = join(dataDir, "cache", "environments", "tests");
  const own = layOut(folder);
  symlinkSync(join(own, "lib"), join(folder, "lib"));
  writeFileSync(join(folder, ".complete"), "");
}

/** An environment whose `mlflow` is a few lines (test/python/stub_mlflow), so that a model loads in a moment. */
export function stubEnvironment(folder: string): string {
  const own = layOut(folder);
  const [version = ""] = readdirSync(join(own, "lib"));
  const packages = join(folder, "lib", version, "site-packages");
  mkdirSync(packages, { recursive: true });
  writeFileSync(join(packages, "tests.pth"), `${join(own, "lib", version, "site-packages")}\n`);
  cpSync(new URL("../python/stub_mlflow", import.meta.url), join(packages, "mlflow"), { recursive: true });
  return join(folder, "bin", "python");
}

/** `bin/python` and what makes it a virtual environment; answers the folder of the tests' own. */
function layOut(folder: string): string {
  const python = testPython();
  const own = dirname(dirname(python));
  mkdirSync(join(folder, "bin"), { recursive: true });
  symlinkSync(realpathSync(python), join(folder, "bin", "python"));
  if (!existsSync(join(own, "pyvenv.cfg"))) throw new Error(`${own} is no virtual environment`);
  cpSync(join(own, "pyvenv.cfg"), join(folder, "pyvenv.cfg"));
  return own;
}
