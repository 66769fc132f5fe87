import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { arch, freemem, platform, totalmem } from "node:os";
import { gibibytes } from "../plan/quantity.ts";
import { passed } from "../verify/checks.ts";
import type { Check } from "../verify/checks.ts";

/** Below these a local cluster fails with "too many open files". */
const INOTIFY = [
  { name: "max_user_instances", least: 512 },
  { name: "max_user_watches", least: 524_288 },
] as const;

/** Programs that some commands use, and for what. */
const PROGRAMS = [
  { name: "git", args: ["--version"], why: "`apply --commit` and `promote` write commits with it" },
  { name: "helm", args: ["version", "--short"], why: "`lock` reads with it what charts make" },
  { name: "kubectl", args: ["version", "--client"], why: "people look into the cluster with it" },
] as const;

const PROGRAM_MS = 10_000;

/** What of this machine matters: limits of a local cluster, and the programs that are used. */
export async function checkMachine(env: Readonly<Record<string, string | undefined>>): Promise<Check[]> {
  const machine = passed(
    "machine",
    `${platform()} ${arch()}, Node ${process.version}, ${gibibytes(totalmem())} of memory, ${gibibytes(freemem())} free`,
  );
  const programs = await Promise.all(PROGRAMS.map((program) => checkProgram(program, env)));
  return [machine, ...(await checkInotify()), ...programs];
}

async function checkInotify(): Promise<Check[]> {
  if (platform() !== "linux") return [];
  return Promise.all(
    INOTIFY.map(async ({ name, least }): Promise<Check> => {
      const title = `inotify ${name}`;
      const text = await readFile(`/proc/sys/fs/inotify/${name}`, "utf8").catch(() => "");
      const value = Number.parseInt(text, 10);
      if (Number.isNaN(value)) return { name: title, result: "warning", says: "can't be read" };
      if (value >= least) return passed(title, String(value));
      return {
        name: title,
        result: "warning",
        says: `${value}: pods of a cluster on this machine may fail with "too many open files"`,
        hint: `sudo sysctl fs.inotify.${name}=${least}`,
      };
    }),
  );
}

function checkProgram(
  { name, args, why }: (typeof PROGRAMS)[number],
  env: Readonly<Record<string, string | undefined>>,
): Promise<Check> {
  return new Promise((resolve) => {
    execFile(name, [...args], { timeout: PROGRAM_MS, env: { ...env } }, (error, stdout) => {
      const version = stdout.trim().split("\n")[0] ?? "";
      if (error === null) resolve(passed(name, version));
      else resolve({ name, result: "warning", says: `isn't there; ${why}` });
    });
  });
}
