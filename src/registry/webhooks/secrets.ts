import { createCipheriv, createDecipheriv, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { mkdir, open, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { bytesOf, joinBuffers } from "../../base/bytes.ts";
import { SlipwayError } from "../../http/errors.ts";

/** Keeps the secrets of webhooks: encrypted on disk, never in an answer. */
export interface SecretBox {
  seal(secret: string): string;
  /** WEBHOOK_SECRET_UNREADABLE when it was sealed with another key, or changed. */
  open(sealed: string): string;
}

const KEY_BYTES = 32;
/** Of a token: version, time, initialisation vector; and the HMAC behind the cipher text. */
const HEAD_BYTES = 1 + 8 + 16;
const MAC_BYTES = 32;
const VERSION = 0x80;

/**
 * Fernet (AES-128-CBC, then HMAC-SHA256), which MLflow uses too, so that one key means the same to both.
 * `key` is 32 bytes in URL-safe base64: MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY.
 */
export function createSecretBox(key: string): SecretBox {
  const bytes = Buffer.from(key, "base64url");
  if (bytes.length !== KEY_BYTES || !/^[\w-]{43}=?$/.test(key.trim())) {
    throw new SlipwayError("WEBHOOK_KEY_INVALID", "the key for the secrets of webhooks has the wrong form");
  }
  const [macKey, cipherKey] = [bytesOf(bytes.subarray(0, 16)), bytesOf(bytes.subarray(16))];
  const macOf = (data: Buffer): Buffer => createHmac("sha256", macKey).update(bytesOf(data)).digest();
  return {
    seal(secret) {
      const head = Buffer.alloc(HEAD_BYTES);
      head.writeUInt8(VERSION);
      // The time stays 0: it isn't looked at, and would only tell when a webhook was made.
      head.set(bytesOf(randomBytes(16)), 9);
      const cipher = createCipheriv("aes-128-cbc", cipherKey, bytesOf(head.subarray(9)));
      const body = joinBuffers([head, cipher.update(secret, "utf8"), cipher.final()]);
      // Fernet's tokens keep their padding, which Python's decoder asks for.
      return joinBuffers([body, macOf(body)])
        .toString("base64")
        .replaceAll("+", "-")
        .replaceAll("/", "_");
    },
    open(sealed) {
      const token = Buffer.from(sealed, "base64url");
      const body = token.subarray(0, -MAC_BYTES);
      const mac = token.subarray(-MAC_BYTES);
      const isOurs = token.length > HEAD_BYTES + MAC_BYTES && token[0] === VERSION;
      if (!isOurs || !timingSafeEqual(bytesOf(mac), bytesOf(macOf(body)))) throw unreadable();
      const decipher = createDecipheriv("aes-128-cbc", cipherKey, bytesOf(body.subarray(9, HEAD_BYTES)));
      return joinBuffers([decipher.update(bytesOf(body.subarray(HEAD_BYTES))), decipher.final()]).toString(
        "utf8",
      );
    },
  };
}

/** The key in the file, made at the first call: readable by its owner only. */
export async function keyFromFile(path: string): Promise<string> {
  const known = await readFile(path, "utf8").catch(() => "");
  if (known !== "") return known.trim();
  await mkdir(dirname(path), { recursive: true });
  const key = `${randomBytes(KEY_BYTES).toString("base64url")}=`;
  const file = await open(path, "w", 0o600);
  try {
    await file.writeFile(`${key}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  return key;
}

function unreadable(): SlipwayError {
  return new SlipwayError(
    "WEBHOOK_SECRET_UNREADABLE",
    "the secret of the webhook can't be read with this key",
  );
}
