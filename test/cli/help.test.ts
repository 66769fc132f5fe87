import { expect, test } from "vitest";
import { buildProgram } from "../../src/cli/program.ts";
import { ROOT, run } from "./run.ts";

const COMMANDS = [
  "up",
  "init",
  "validate",
  "plan",
  "status",
  "runs",
  "logs",
  "why",
  "rerun",
  "cancel",
  "rollout",
  "promote",
  "rollback",
  "hold",
  "resume",
  "approve",
  "history",
  "labels",
  "predictions",
  "call",
  "load",
  "import",
  "push",
  "login",
  "logout",
  "whoami",
  "tenant",
  "user",
  "token",
  "audit",
  "gc",
  "platform",
];

test("the help lists every command", async () => {
  const { code, out } = await run(["--help"]);
  expect(code).toBe(0);
  for (const name of COMMANDS) expect(out).toMatch(new RegExp(`^  ${name} `, "m"));
  expect(await run([])).toMatchObject({ code: 0, out });
});

test.each(COMMANDS)("%s has examples, exit codes and --json", async (name) => {
  const { code, out } = await run([name, "--help"]);
  expect(code).toBe(0);
  expect(out).toContain(`Examples:\n  `);
  expect(out).toMatch(new RegExp(`^  (.* \\| )?slipway ${name}`, "m"));
  expect(out).toMatch(/^Exit codes: 0 done, 1 failed, 2 wrong use/m);
  expect(out).toContain("--json");
});

test("no command is left out of this list", () => {
  const terminal = {
    write: () => {},
    writeError: () => {},
    stdin: (async function* () {})(),
    isInteractive: false,
    cwd: ROOT,
    sleep: async () => undefined,
    now: () => 0,
  };
  const invocation = {
    argv: [],
    env: {},
    packageDir: ROOT,
    mainFile: `${ROOT}/dist/main.js`,
    writerFile: "",
  };
  const program = buildProgram(
    invocation,
    { up: async () => 0, kubernetes: () => Promise.reject(new Error("unused")) },
    terminal,
    () => {},
  );
  expect(program.commands.map((command) => command.name())).toEqual(COMMANDS);
});

test.each([
  [["logs", "pipeline/x"], "there is no kind"],
  [["logs", "step/x"], "step is named by 2 names"],
  [["why", "versoin/m/1"], "did you mean version/…?"],
  [["why", "service/"], "service is named by one name"],
  [["promote"], "missing required argument 'model'"],
  [["status", "a", "b"], "too many arguments"],
  [["runs", "--limit", "0"], "isn't a number of pipeline runs"],
  [["status", "--url", "localhost:4600"], "isn't a URL that can be called"],
  [["status", "--url", "http://user:secret@localhost"], "isn't a URL that can be called"],
  [["up", "--port", "70000"], "isn't a port"],
  [["logs", "service/m", "--follow"], "can't be followed yet"],
])("%j is wrong use", async (argv, message) => {
  const { code, err } = await run(argv);
  expect(err).toContain(message);
  expect(code).toBe(2);
});

test("colours only for a person who didn't switch them off", async () => {
  const escape = "\u001b[";
  expect((await run(["stats"], { isInteractive: true, env: {} })).err).toContain(escape);
  expect((await run(["stats"], { isInteractive: true, env: { NO_COLOR: "1" } })).err).not.toContain(escape);
  expect((await run(["stats"], { isInteractive: true, env: { TERM: "dumb" } })).err).not.toContain(escape);
  expect((await run(["stats"])).err).not.toContain(escape);
});
