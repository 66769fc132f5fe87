/** What somebody who opens the platform's address in a browser, or with curl, wants to know. */
interface FrontPage {
  /** Of the platform as the caller reached it, without a slash at the end. */
  base: string;
  version: string;
  services: readonly { name: string; champion: number | null }[];
}

/** Rows of the page: what it is, and where. A row without an address is only said. */
function rowsOf({ base, services }: FrontPage): [string, string][] {
  return [
    ["Push a project", `git push ${base}/git/PROJECT.git main`],
    ["What runs, in Git", `${base}/git/environment.git`],
    ["MLflow tracking", `MLFLOW_TRACKING_URI=${base}`],
    ...(services.length === 0 ? [["Services", "none yet"] as [string, string]] : []),
    ...services.flatMap(({ name, champion }): [string, string][] => [
      [`Service ${name}`, `${base}/services/${encodeURIComponent(name)}`],
      [
        `Model ${name}`,
        champion === null ? "no champion yet" : `${base}/v2/models/${name} (version ${champion})`,
      ],
    ]),
    ["API description", `${base}/api/slipway/v1/openapi.json`],
    ["Metrics", `${base}/metrics`],
    ["Health", `${base}/health`],
    ["Command line", "slipway status, slipway --help"],
  ];
}

/** The page as plain text, for curl. */
export function frontPageText(page: FrontPage): string {
  const rows = rowsOf(page);
  const width = Math.max(...rows.map(([what]) => what.length));
  return `Slipway ${page.version}\n\n${rows.map(([what, where]) => `${what.padEnd(width)}  ${where}\n`).join("")}`;
}

/** The page for a browser: no script, no style sheet, nothing loaded. */
export function frontPageHtml(page: FrontPage): string {
  const rows = rowsOf(page).map(
    ([what, where]) => `<tr><th>${escape(what)}</th><td>${link(where)}</td></tr>`,
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Slipway</title></head>
<body><h1>Slipway ${escape(page.version)}</h1>
<table>
${rows.join("\n")}
</table></body></html>
`;
}

function link(where: string): string {
  const [address = "", ...rest] = where.split(" ");
  if (!/^https?:/.test(address) || address.endsWith(".git")) return `<code>${escape(where)}</code>`;
  return `<a href="${escape(address)}">${escape(address)}</a>${escape(["", ...rest].join(" "))}`;
}

function escape(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
