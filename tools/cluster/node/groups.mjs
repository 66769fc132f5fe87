// The control group below which a node's pods are, in version 1 (a tree for each controller) and 2 (one tree).
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = "/sys/fs/cgroup";

/** Makes it anew, by a name such as `/slipway-test-1`. */
export function makeGroup(name) {
  removeGroup(name);
  for (const tree of trees()) mkdirSync(join(tree, name), { recursive: true });
  if (isUnified()) for (const folder of [ROOT, join(ROOT, name)]) delegate(folder);
}

/** With all that is below it; its processes have ended. Groups that are still in use stay. */
export function removeGroup(name) {
  for (const tree of trees()) remove(join(tree, name));
}

/** Control files aren't removed, only folders are. */
function remove(folder) {
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder, { withFileTypes: true }))
    if (entry.isDirectory()) remove(join(folder, entry.name));
  try {
    rmdirSync(folder);
  } catch (error) {
    if (error.code !== "EBUSY" && error.code !== "ENOENT") throw error;
  }
}

function isUnified() {
  return existsSync(join(ROOT, "cgroup.controllers"));
}

function trees() {
  if (isUnified()) return [ROOT];
  return readdirSync(ROOT, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(ROOT, entry.name));
}

/** Lets groups below have all controllers that this one has. */
function delegate(folder) {
  const controllers = readFileSync(join(folder, "cgroup.controllers"), "utf8").trim().split(" ");
  writeFileSync(join(folder, "cgroup.subtree_control"), controllers.map((one) => `+${one}`).join(" "));
}
