// Options of `npm run bench:serving`.
import { parseArgs } from "node:util";

export const PEERS = ["fastapi-onnx", "fastapi-sklearn", "mlserver", "mlflow-serve"];
export const USAGE = `npm run bench:serving [-- --quick] [--peers none|NAME,NAME] [--models forest,net] [--seconds N] [--rounds N]
  --quick        shorter measurements, one round, nothing written to docs/: some two minutes
  --peers LIST   of ${PEERS.join(", ")}; "none" measures this platform beside the floor
  --ours LIST    of slipway, slipway-python (default both)
  --models LIST  of forest, net (default both)
  --seconds N    of one measurement (default 4, with --quick 1)
  --rounds N     of which the median is taken (default 3, with --quick 1)`;

export function readOptions(argv) {
  const { values } = parseArgs({
    args: argv,
    options: {
      quick: { type: "boolean", default: false },
      peers: { type: "string", default: PEERS.join(",") },
      ours: { type: "string", default: "slipway,slipway-python" },
      models: { type: "string", default: "forest,net" },
      seconds: { type: "string" },
      rounds: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  return {
    help: values.help,
    quick: values.quick,
    peers: values.peers === "none" ? [] : listOf("--peers", values.peers, PEERS),
    ours: listOf("--ours", values.ours, ["slipway", "slipway-python"]),
    models: listOf("--models", values.models, ["forest", "net"]),
    seconds: Number(values.seconds ?? (values.quick ? 1 : 4)),
    rounds: Number(values.rounds ?? (values.quick ? 1 : 3)),
  };
}

function listOf(option, text, allowed) {
  const names = text.split(",");
  const unknown = names.find((name) => !allowed.includes(name));
  if (unknown !== undefined) throw new Error(`${option}: there is no '${unknown}'\n${USAGE}`);
  return names;
}
