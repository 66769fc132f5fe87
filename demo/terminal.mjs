// What the demo prints: scenes, streamed output, findings and the table.
import { styleText } from "node:util";

const style = (format, text) => (process.stdout.isTTY ? styleText(format, text) : text);

/** 12.3 s, 850 ms */
export function duration(ms) {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return "never";
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

export function heading(text) {
  console.log(`\n${style("bold", text)}`);
}

export function say(text) {
  console.log(`  ${text}`);
}

/** Shows a stream's lines as they come, each behind a prefix; resolves at its end with all of them. */
export async function follow(stream, prefix) {
  const lines = [];
  let rest = "";
  stream.setEncoding("utf8");
  const show = (line) => {
    const clean = line.replace(/\s+$/, "");
    if (clean === "") return;
    lines.push(clean);
    console.log(`  ${style("dim", prefix)} ${clean}`);
  };
  for await (const chunk of stream) {
    // Git rewrites progress lines with a carriage return.
    const parts = (rest + chunk).split(/[\r\n]/);
    rest = parts.pop();
    for (const line of parts) show(line);
  }
  show(rest);
  return lines;
}

/** What the demo's own client observed, or didn't. */
export class Findings {
  #rows = [];

  /** A measured figure that has nothing to pass. */
  figure(scene, name, value) {
    this.#rows.push({ scene, name, value, ok: true });
    say(`${name}: ${style("cyan", value)}`);
  }

  /** Something that must be so. */
  check(scene, name, ok, value = "") {
    this.#rows.push({ scene, name, value, ok });
    say(`${ok ? style("green", "✓") : style("red", "✗")} ${name}${value ? `: ${value}` : ""}`);
  }

  get failed() {
    return this.#rows.filter(({ ok }) => !ok);
  }

  table() {
    const width = Math.max(0, ...this.#rows.map(({ name }) => name.length));
    let shown;
    for (const { scene, name, value, ok } of this.#rows) {
      if (scene !== shown) console.log(`\n  ${style("bold", scene)}`);
      shown = scene;
      console.log(`  ${ok ? style("green", "✓") : style("red", "✗")} ${name.padEnd(width)}  ${value}`);
    }
  }
}
