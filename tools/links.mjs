// Every relative link of the Markdown pages names a file that is there, and a heading when it names one.
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const PLACES = ["README.md", "CONTRIBUTING.md", "docs", "examples", "templates", "demo"];

function pages(path) {
  if (!existsSync(path)) return [];
  if (!statSync(path).isDirectory()) return path.endsWith(".md") ? [path] : [];
  return readdirSync(path).flatMap((name) => pages(join(path, name)));
}

const withoutCode = (text) => text.replaceAll(/^```[\s\S]*?^```/gm, "").replaceAll(/`[^`\n]*`/g, "");

/** Headings as the anchors that GitHub makes of them. */
function anchors(path) {
  const headings = readFileSync(path, "utf8").matchAll(/^#+ (.+)$/gm);
  return new Set(
    Array.from(headings, ([, heading]) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}_ -]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}

function problem(page, link) {
  const [file, anchor] = link.split("#");
  const target = file === "" ? page : join(dirname(page), file);
  if (!existsSync(target)) return "there is no such file";
  return anchor !== undefined && !anchors(target).has(anchor) ? "the page has no such heading" : undefined;
}

let broken = 0;
for (const page of PLACES.flatMap((place) => pages(join(root, place)))) {
  for (const [, link] of withoutCode(readFileSync(page, "utf8")).matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^[a-z]+:/.test(link)) continue;
    const why = problem(page, link);
    if (why === undefined) continue;
    broken += 1;
    console.error(`${relative(root, page)}: ${link}: ${why}`);
  }
}
console.log(broken === 0 ? "links: all lead somewhere" : `links: ${broken} broken`);
process.exitCode = broken === 0 ? 0 : 1;
