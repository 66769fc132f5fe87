// docs/reference/cli.md from the commander program: what `--help` prints, and the exit codes.

const HEAD = `# Commands

\`bin/slipway\` in a clone, \`slipway\` from the package. This is what \`slipway help COMMAND\` prints. With \`--json\`
every answer, an error too, is one JSON value on stdout.

| exit code | meaning |
|---|---|
`;
const BETWEEN = `
\`SLIPWAY_URL\` and \`SLIPWAY_TOKEN\` name the platform and the token for every command that calls one,
\`SLIPWAY_TENANT\` the tenant for those about projects and services.

Made from \`src/cli/\` by \`node tools/reference.mjs --write\`.
`;

/** Every command's help in the order of the program; `exits` has a name for each exit code. */
export function cliPage(program, exits) {
  const words = { notFound: "what was named doesn't exist", usage: "the command line isn't understood" };
  const codes = Object.entries(exits).map(
    ([name, code]) => `| ${code} | ${words[name] ?? EXIT_WORDS[name]} |\n`,
  );
  return HEAD + codes.join("") + BETWEEN + program.commands.map((command) => section(command, "##")).join("");
}

/** A command and the commands below it. */
function section(command, level, parent = "") {
  const name = `${parent}${command.name()}`;
  const below = command.commands.map((sub) => section(sub, `${level}#`, `${name} `));
  return `\n${level} ${name}\n\n${fenced(helpOf(command))}${below.join("")}`;
}

const EXIT_WORDS = {
  ok: "done",
  failed: "what was asked for went wrong, or what was looked at isn't well",
  unreachable: "no platform answers at the address",
  notPromoted: "a rollout that was watched ended, and its version wasn't promoted",
  refused: "the platform refused: a conflict, a missing right, a state that doesn't allow it",
};

/** As a terminal of 100 columns shows it. */
function helpOf(command) {
  let text = "";
  command.configureOutput({ writeOut: (part) => (text += part), getOutHelpWidth: () => 100 });
  command.outputHelp();
  return text;
}

const fenced = (text) => `\`\`\`text\n${text.replaceAll(/[ \t]+$/gm, "").trim()}\n\`\`\`\n`;
