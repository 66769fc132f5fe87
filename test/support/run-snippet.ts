import { spawn } from "node:child_process";
import { transformSync } from "esbuild";

/** Runs a snippet as a person would: a shell, Python, or Node behind what takes the types away. */
export function runSnippet(
  lang: string,
  code: string,
  options: { python: string; env?: Record<string, string> },
): Promise<{ code: number; out: string; err: string }> {
  const [program, args, input] =
    lang === "curl"
      ? (["sh", ["-s"], code] as const)
      : lang === "python"
        ? ([options.python, ["-"], code] as const)
        : ([process.execPath, ["--input-type=module", "-"], javascript(code)] as const);
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env: { PATH: "/usr/bin:/bin", HOME: "/nonexistent", ...options.env },
      timeout: 120_000,
    });
    let out = "";
    let err = "";
    child.stdout.on("data", (bytes) => (out += String(bytes)));
    child.stderr.on("data", (bytes) => (err += String(bytes)));
    child.on("error", reject);
    child.on("close", (ended) => resolve({ code: ended ?? -1, out, err }));
    child.stdin.end(input);
  });
}

function javascript(typescript: string): string {
  return transformSync(typescript, { loader: "ts", format: "esm" }).code;
}
