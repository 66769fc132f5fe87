// An image as one file: an OCI image layout in a tar archive, which `ctr images import`, `docker load`, `podman load`
// and `kind load image-archive` read. https://github.com/opencontainers/image-spec/blob/main/image-layout.md
import { createHash } from "node:crypto";
import { createWriteStream, renameSync, rmSync } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { tar } from "./tar.mjs";

const OCI = "application/vnd.oci.image";
const ARCHITECTURES = { x64: "amd64", arm64: "arm64" };

/**
 * Writes it to `out`, complete or not at all; answers the manifest's digest.
 * @param {{ out: string, name: string, layers: readonly import("./layer.mjs").Layer[], config: object }} image
 *   `name`: with a tag; `config`: of its containers, as the image specification has it
 */
export async function writeArchive({ out, name, layers, config }) {
  const platform = { os: "linux", architecture: ARCHITECTURES[process.arch] ?? process.arch };
  const settings = blob(`${OCI}.config.v1+json`, {
    ...platform,
    config,
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map((one) => ({ created_by: one.name })),
  });
  const manifest = blob(`${OCI}.manifest.v1+json`, {
    schemaVersion: 2,
    mediaType: `${OCI}.manifest.v1+json`,
    config: settings.descriptor,
    layers: layers.map(({ digest, size }) => ({ mediaType: `${OCI}.layer.v1.tar+gzip`, digest, size })),
  });
  const annotations = {
    // What containerd and Docker call it; the specification knows its tag alone.
    "io.containerd.image.name": name,
    "org.opencontainers.image.ref.name": name.slice(name.lastIndexOf(":") + 1),
  };
  const index = {
    schemaVersion: 2,
    mediaType: `${OCI}.index.v1+json`,
    manifests: [{ ...manifest.descriptor, platform, annotations }],
  };
  const text = (path, content) => ({ type: "text", path, mode: 0o644, text: content });
  const entries = [
    text("/oci-layout", JSON.stringify({ imageLayoutVersion: "1.0.0" })),
    text("/index.json", JSON.stringify(index)),
    ...[settings, manifest].map((one) => text(pathOf(one.descriptor.digest), one.text)),
    ...layers.map(({ blob: source, digest, size }) => ({
      type: "file",
      path: pathOf(digest),
      mode: 0o644,
      source,
      size,
      mtime: 0,
    })),
  ];
  const fresh = `${out}.${process.pid}`;
  try {
    await pipeline(Readable.from(tar(entries)), createWriteStream(fresh));
    renameSync(fresh, out);
  } finally {
    rmSync(fresh, { force: true });
  }
  return manifest.descriptor.digest;
}

function blob(mediaType, value) {
  const written = JSON.stringify(value);
  const digest = `sha256:${createHash("sha256").update(written).digest("hex")}`;
  return { text: written, descriptor: { mediaType, digest, size: Buffer.byteLength(written) } };
}

function pathOf(digest) {
  return `/blobs/${digest.replace(":", "/")}`;
}
