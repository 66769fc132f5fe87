import { join } from "node:path";
import { writeDurably } from "./durable.ts";

export interface HookScriptsDeps {
  /** Repositories.hooksFolder */
  folder: string;
  /** Absolute path of node. */
  nodeFile: string;
  /** Absolute path of the bundled main.js. */
  mainFile: string;
  /** Absolute path of the socket on which hookRoutes listen. */
  socketPath: string;
}

/** Writes the hooks of all repositories. Done at every start, because program and socket move. */
export async function writeHookScripts(deps: HookScriptsDeps): Promise<void> {
  const { folder, nodeFile, mainFile, socketPath } = deps;
  for (const hook of ["pre-receive", "post-receive"]) {
    const words = [nodeFile, mainFile, "__role", "git-hook", hook, socketPath];
    await writeDurably(join(folder, hook), `#!/bin/sh\nexec ${words.map(quote).join(" ")}\n`, 0o755);
  }
}

/** One word for the shell, whatever is in it. */
function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
