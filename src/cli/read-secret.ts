import type { CliContext } from "./context.ts";
import { linesOf } from "./lines.ts";
import { SlipwayError } from "../http/errors.ts";

/** A password or token: asked for without showing it, or the first line of standard input. Never an argument, which other users of the machine see. */
export async function readSecret({ terminal }: CliContext, question: string): Promise<string> {
  if (terminal.askSecret !== undefined) return terminal.askSecret(question);
  for await (const line of linesOf(terminal.stdin)) {
    if (line !== "") return line;
  }
  throw new SlipwayError("USAGE", `${question.toLowerCase()}: standard input has none`);
}
