import type { WhyAnswer, WhyLink } from "../why/answer.ts";
import { ago, short, tame } from "./terminal.ts";
import type { Colors } from "./terminal.ts";

/** The chain as a staircase from the symptom down, then the root cause in one line. */
export function formatWhy({ subject, chain, rootCause }: WhyAnswer, colors: Colors, now: number): string {
  if (chain.length === 0) return `${tame(subject)}: nothing is known\n`;
  const links = chain.map((link, depth) => formatLink(link, depth, colors, now)).join("");
  return `${links}\n${colors.bold("Root cause:")} ${oneLine(rootCause)}\n`;
}

function formatLink(link: WhyLink, depth: number, colors: Colors, now: number): string {
  const indent = "   ".repeat(Math.max(0, depth - 1));
  const stair = depth === 0 ? "" : `${indent}└─ `;
  const below = " ".repeat(stair.length + 2);
  const facts = [
    ...(link.at === null ? [] : [ago(link.at, now)]),
    ...(link.commit === undefined ? [] : [`commit ${short(link.commit)}`]),
  ];
  const rows = [
    `${stair}${colors.bold(oneLine(`${link.kind}/${link.name}`))} ${oneLine(link.state)}` +
      (facts.length === 0 ? "" : colors.dim(` (${facts.join(", ")})`)),
    `${below}${oneLine(link.message)}`,
    ...(link.log ?? []).map((line) => `${below}${colors.dim("│")} ${oneLine(line)}`),
  ];
  return rows.map((row) => `${row}\n`).join("");
}

function oneLine(text: string): string {
  return tame(text).replaceAll(/\s*\n\s*/g, " ");
}
