import { spawnSync } from "node:child_process";

/** Tests that start processes run the built command; build it once before all of them. */
export default function buildOnce(): void {
  const built = spawnSync(process.execPath, ["tools/build.mjs", "--if-stale"], { stdio: "inherit" });
  if (built.status !== 0) throw new Error("the build failed");
}
