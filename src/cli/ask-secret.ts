import type { ReadStream } from "node:tty";

/** Asks a person at a terminal and doesn't show what is typed. Ctrl-C ends the program as it would without. */
export function askSecret(
  input: ReadStream,
  write: (text: string) => void,
  question: string,
): Promise<string> {
  return new Promise((resolve) => {
    let typed = "";
    write(`${question}: `);
    input.setRawMode(true);
    input.setEncoding("utf8");
    const end = (act: () => void): void => {
      input.off("data", onData);
      input.setRawMode(false);
      input.pause();
      write("\n");
      act();
    };
    const onData = (text: string): void => {
      for (const character of text) {
        if (character === "\u0003") return end(() => process.kill(process.pid, "SIGINT"));
        if (character === "\r" || character === "\n" || character === "\u0004")
          return end(() => resolve(typed));
        typed = character === "\u007f" || character === "\b" ? typed.slice(0, -1) : typed + character;
      }
      return undefined;
    };
    input.on("data", onData);
    input.resume();
  });
}
