import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

const BYTES = 32;

/** A secret of this data folder's own, made when it is asked for first. Only this user may read it. */
export function secretFile(path: string): Buffer {
  try {
    const secret = Buffer.from(readFileSync(path, "utf8").trim(), "hex");
    if (secret.length === BYTES) return secret;
  } catch {
    // None yet.
  }
  const secret = randomBytes(BYTES);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${secret.toString("hex")}\n`, { mode: 0o600 });
  return secret;
}
