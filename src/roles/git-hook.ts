import { readFileSync } from "node:fs";
import { request } from "node:http";
import { resolve } from "node:path";
import type { Invocation } from "../base/invocation.ts";
import { PUSH_VARIABLE, type HookAnswer, type HookRequest, type RefUpdate } from "../git/hook-protocol.ts";

/**
 * `__role git-hook <pre-receive|post-receive> <socket>`: tells the control process what was pushed and shows
 * the pusher what it answers. Runs once per push and hook, so it loads nothing but HTTP.
 */
export async function gitHookRole(invocation: Invocation): Promise<void> {
  const [, , hook, socketPath] = invocation.argv;
  if ((hook !== "pre-receive" && hook !== "post-receive") || socketPath === undefined) {
    process.stderr.write("slipway: the hook was called without its name and socket\n");
    process.exitCode = 2;
    return;
  }
  // Nobody reads any more: the push itself is Git's business.
  process.stderr.on("error", () => process.exit(0));
  const exit = await ask(socketPath, hook, JSON.stringify(hookRequest(invocation.env)));
  if (exit === undefined) {
    process.stderr.write(hook === "pre-receive" ? UNCHECKED : LATER);
  }
  process.exitCode = exit ?? (hook === "pre-receive" ? 1 : 0);
}

const UNCHECKED = "slipway: push refused, because the platform doesn't answer. Push again when it is back.\n";
const LATER = "slipway: stored. The platform doesn't answer; the pipeline run starts when it is back.\n";

function hookRequest(env: Invocation["env"]): HookRequest {
  const quarantine = env["GIT_QUARANTINE_PATH"];
  const push = env[PUSH_VARIABLE];
  return {
    repository: resolve(env["GIT_DIR"] ?? "."),
    updates: readUpdates(readFileSync(0, "utf8")),
    ...(push === undefined ? {} : { push }),
    ...(quarantine === undefined ? {} : { quarantine: resolve(quarantine) }),
  };
}

/** `<previous> <commit> <reference>` per line. */
function readUpdates(text: string): RefUpdate[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [previous = "", commit = "", ...ref] = line.split(" ");
      return { previous, commit, ref: ref.join(" ") };
    });
}

/** The verdict, or undefined when the platform didn't give one. */
function ask(socketPath: string, hook: string, body: string): Promise<number | undefined> {
  return new Promise((done) => {
    let exit: number | undefined;
    let rest = "";
    const outgoing = request(
      {
        socketPath,
        path: `/hooks/${hook}`,
        method: "POST",
        agent: false,
        headers: {
          host: "localhost",
          "content-type": "application/json",
          "content-length": Buffer.byteLength(body),
        },
      },
      (incoming) => {
        incoming.setEncoding("utf8");
        incoming.on("data", (chunk: string) => {
          const lines = (rest + chunk).split("\n");
          rest = lines.pop() ?? "";
          for (const line of lines) exit = hear(line) ?? exit;
        });
        incoming.on("close", () => done(exit));
        incoming.on("error", () => done(exit));
      },
    );
    outgoing.on("error", () => done(exit));
    outgoing.end(body);
  });
}

function hear(line: string): number | undefined {
  let answer: Partial<{ say: string; exit: number }>;
  try {
    answer = JSON.parse(line) as HookAnswer;
  } catch {
    return undefined;
  }
  if (answer.say !== undefined) process.stderr.write(`${answer.say}\n`);
  return answer.exit;
}
