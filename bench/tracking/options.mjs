// Options of `npm run bench:tracking`.
import { parseArgs } from "node:util";

export const USAGE = `npm run bench:tracking [-- --quick] [--only NAME]... [--peers none|NAME,NAME]
  --quick       shorter measurements, no 100 k runs, no 1 GB, nothing written to docs/: about two minutes
  --only NAME   lines whose name contains NAME (may be repeated)
  --peers LIST  of mlflow, fasttrackml; "none" measures this platform alone
  --seconds N   of one measurement (default 4, with --quick 0.6)`;

export function readOptions(argv) {
  const { values } = parseArgs({
    args: argv,
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string", multiple: true, default: [] },
      peers: { type: "string", default: "mlflow,fasttrackml" },
      seconds: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  const peers = values.peers === "none" ? [] : values.peers.split(",");
  const unknown = peers.find((name) => !["mlflow", "fasttrackml"].includes(name));
  if (unknown !== undefined) throw new Error(`--peers: there is no peer '${unknown}'\n${USAGE}`);
  return {
    help: values.help,
    quick: values.quick,
    only: values.only,
    peers,
    seconds: Number(values.seconds ?? (values.quick ? 0.6 : 4)),
    warmSeconds: values.quick ? 0.2 : 1,
    sizes: values.quick ? [1_000, 10_000] : [1_000, 10_000, 100_000],
  };
}
