import type { WhyAnswer, WhyLink } from "../why/answer.ts";
import { ago, cut, oneLine, short, wrap } from "./terminal.ts";
import type { Colors } from "./terminal.ts";

interface Around {
  colors: Colors;
  /** Milliseconds since the epoch. */
  now: number;
  /** Characters of a line. */
  width: number;
}

/**
 * The chain as a staircase from the symptom down, then the root cause. What the root cause says isn't said in its
 * link too, and a commit is named where it comes up first.
 */
export function formatWhy({ subject, chain, rootCause }: WhyAnswer, around: Around): string {
  if (chain.length === 0) return `${oneLine(subject)}: nothing is known\n`;
  const { colors, width } = around;
  const blamed = chain.findLast(({ kind, name }) => rootCause.startsWith(`${kind}/${name} `));
  const rows = chain.flatMap((link, depth) => {
    const isCommitNew = chain.findIndex(({ commit }) => commit === link.commit) === depth;
    return formatLink(link, depth, { ...around, isBlamed: link === blamed, isCommitNew });
  });
  const isWell = blamed === undefined;
  const [first = "", ...more] = wrap(isWell ? capital(rootCause) : `Root cause: ${rootCause}`, width);
  rows.push("", first.replace("Root cause:", colors.bold("Root cause:")), ...more);
  return rows.map((row) => `${row}\n`).join("");
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

function formatLink(
  link: WhyLink,
  depth: number,
  around: Around & { isBlamed: boolean; isCommitNew: boolean },
): string[] {
  const { colors, now, width, isBlamed, isCommitNew } = around;
  const indent = "   ".repeat(Math.max(0, depth - 1));
  const stair = depth === 0 ? "" : `${indent}└─ `;
  const below = " ".repeat(stair.length + 2);
  const facts = [
    ...(link.at === null ? [] : [ago(link.at, now)]),
    ...(link.commit === undefined || !isCommitNew ? [] : [`commit ${short(link.commit)}`]),
  ];
  return [
    `${stair}${colors.bold(oneLine(`${link.kind}/${link.name}`))} ${oneLine(link.state)}` +
      (facts.length === 0 ? "" : colors.dim(` (${facts.join(", ")})`)) +
      (isBlamed ? colors.red(" ◄ root cause") : ""),
    ...(isBlamed || link.message === "" ? [] : wrap(link.message, width, below)),
    ...(link.log ?? []).map((line) => `${below}${colors.dim("│")} ${cut(line, width - below.length - 2)}`),
  ];
}
