// The platform's image without a Docker engine: `node tools/image.mjs [--name NAME:TAG] [--out FILE] [--import SOCKET]`.
// It is the Dockerfile's, with Node.js, Git and Python from this machine, which must be Linux. `--import` hands it to
// the containerd at that socket, into the namespace of Kubernetes, by `ctr` (--ctr names that program).
// `--app FOLDER` only writes what lies in /opt/slipway; the Dockerfile copies it from there.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { build, isFresh } from "./build.mjs";
import { HOME, appLayers, writeApp } from "./image/app.mjs";
import { writeArchive } from "./image/archive.mjs";
import { importInto } from "./image/import.mjs";
import { layer } from "./image/layer.mjs";
import { USER, machineLayers } from "./image/machine.mjs";

const CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt";
/** The Dockerfile says the same. */
const CONFIG = {
  User: `${USER}:${USER}`,
  Entrypoint: ["slipway"],
  WorkingDir: "/var/lib/slipway",
  Env: [
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG=C.UTF-8",
    "HOME=/tmp",
    "NODE_ENV=production",
    // Who trusts an authority of their own mounts their list of them here, for every program at once.
    `SSL_CERT_FILE=${CERTIFICATES}`,
    `PIP_CERT=${CERTIFICATES}`,
    `NODE_EXTRA_CA_CERTS=${CERTIFICATES}`,
  ],
  Labels: { "org.opencontainers.image.title": "Slipway", "org.opencontainers.image.licenses": "Apache-2.0" },
};

const { values } = parseArgs({
  options: {
    name: { type: "string", default: "slipway.local/slipway:dev" },
    out: { type: "string" },
    app: { type: "string" },
    import: { type: "string" },
    ctr: { type: "string", default: "ctr" },
  },
});

try {
  if (!isFresh()) await build();
  if (values.app !== undefined) writeApp(values.app);
  else await image(values);
} catch (error) {
  console.error(`image: ${error.message}`);
  process.exitCode = 1;
}

async function image({ name, out, import: socket, ctr }) {
  if (out === undefined && socket === undefined)
    throw new Error("say where it goes: --out FILE, --import SOCKET of a containerd, or both");
  const began = performance.now();
  const layers = [];
  for (const { name: title, entries } of [...machineLayers(), ...appLayers()])
    layers.push(await layer(title, entries));
  const scratch = mkdtempSync(join(tmpdir(), "slipway-image-"));
  try {
    const archive = out ?? join(scratch, "image.tar");
    const digest = await writeArchive({ out: archive, name, layers, config: CONFIG });
    if (socket !== undefined) importInto({ ctr, socket }, archive);
    const megabytes = layers.map((one) => `${one.name} ${(one.size / 2 ** 20).toFixed(1)}`).join(", ");
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    console.log(`${name} ${digest} (${HOME}; MiB: ${megabytes}; ${seconds} s)`);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
