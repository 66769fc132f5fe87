// The Java that engines on the JVM need.
import { spawnSync } from "node:child_process";
import { join } from "node:path";

/**
 * Checks that a Java of this version or newer can be run, from JAVA_HOME or PATH. Throws with what is missing.
 * @param {number} wanted
 * @param {Record<string, string | undefined>} [env]
 */
export function requireJava(wanted, env = process.env) {
  const java = env.JAVA_HOME ? join(env.JAVA_HOME, "bin", "java") : "java";
  const { error, stderr } = spawnSync(java, ["-version"], { encoding: "utf8", env });
  const found = Number(/version "(\d+)/.exec(stderr ?? "")?.[1] ?? 0);
  if (found >= wanted) return;
  const seen = error ? `${java} can't be run` : `${java} is ${found === 0 ? "no Java" : `version ${found}`}`;
  throw new Error(
    `Java ${wanted} or newer is needed, and ${seen}: install one (Debian: apt-get install openjdk-${wanted}-jre-headless) or name it in JAVA_HOME`,
  );
}
