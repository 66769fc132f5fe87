import { spawnSync } from "node:child_process";

/**
 * Hands an image's archive to a containerd, where Kubernetes looks for images.
 * @param {{ ctr: string, socket: string }} runtime `ctr`: containerd's own client
 * @param {string} archive
 */
export function importInto({ ctr, socket }, archive) {
  const args = ["--address", socket, "--namespace", "k8s.io", "images", "import", "--local", archive];
  const { error, status, stderr } = spawnSync(ctr, args, { encoding: "utf8" });
  if (error) throw new Error(`\`${ctr}\` imports the image and could not be started; --ctr names it`);
  if (status !== 0) throw new Error(`\`ctr images import\` failed:\n${stderr.trim()}`);
}
