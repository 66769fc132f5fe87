import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { watchMemory } from "../worker/memory-limit.ts";
import { proofSchema } from "./job.ts";
import type { Proof } from "./job.ts";

const PROVE_MS = 3 * 60_000;
const PROVE_BYTES = 4 * 2 ** 30;
const MAX_OUTPUT = 1024 * 1024;

/** Our own program, as it is started with `__role prove`. */
export interface ProveCommand {
  nodeFile: string;
  mainFile: string;
}

/** Compares candidates in a process of their own; throws when it takes too long or too much, or crashes. */
export async function proveInProcess({ nodeFile, mainFile }: ProveCommand, jobDir: string): Promise<Proof> {
  const child = spawn(nodeFile, [mainFile, "__role", "prove", jobDir], {
    cwd: jobDir,
    env: {},
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  let errors = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output = (output + chunk.toString("utf8")).slice(0, MAX_OUTPUT);
  });
  child.stderr.on("data", (chunk: Buffer) => {
    errors = (errors + chunk.toString("utf8")).slice(-2_000);
  });
  let ended = "";
  const end = (why: string): void => {
    ended = why;
    child.kill("SIGKILL");
  };
  const timer = setTimeout(() => end(`it took more than ${PROVE_MS / 60_000} minutes`), PROVE_MS);
  const memory = watchMemory(
    PROVE_BYTES,
    () => residentOf(child.pid),
    () => end(`it took more than ${PROVE_BYTES / 2 ** 30} GiB`),
  );
  try {
    const how = await new Promise<string>((resolve) => {
      child.once("error", (error) => resolve(error.message));
      child.once("close", (code, signal) =>
        resolve(signal === null ? `exit code ${code}` : `signal ${signal}`),
      );
    });
    if (ended !== "" || how !== "exit code 0")
      throw new Error(`comparing it ended by ${ended || how}: ${errors.trim().split("\n").at(-1) ?? ""}`);
    return proofSchema.parse(JSON.parse(output));
  } finally {
    clearTimeout(timer);
    memory.stop();
  }
}

/** 0 where the system doesn't tell. */
function residentOf(pid: number | undefined): number {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]) * 4096;
  } catch {
    return 0;
  }
}
