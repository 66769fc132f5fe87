import { readFile } from "node:fs/promises";
import type { Clock } from "../../base/clock.ts";
import { SlipwayError } from "../../http/errors.ts";
import type { S3Credentials } from "./signature.ts";

/** Where the keys come from: given as they are, or a profile in a file as AWS's tools have it. */
export type CredentialSource =
  | { kind: "given"; credentials: S3Credentials }
  | { kind: "file"; file: string; profile: string };

/** How long a file's keys are used before it is looked at again, in milliseconds. */
const FRESH_MS = 60_000;

/** Answers the keys to sign with; those of a file are read again every minute, since something may renew them. */
export function credentialsOf(source: CredentialSource, clock: Clock): () => Promise<S3Credentials> {
  if (source.kind === "given") return async () => source.credentials;
  let read: { at: number; credentials: Promise<S3Credentials> } | undefined;
  return () => {
    if (read === undefined || clock.now() - read.at >= FRESH_MS || clock.now() < read.at) {
      const credentials = fromFile(source);
      read = { at: clock.now(), credentials };
      credentials.catch(() => (read = undefined));
    }
    return read.credentials;
  };
}

async function fromFile({ file, profile }: { file: string; profile: string }): Promise<S3Credentials> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    throw missing(`the file of credentials can't be read: ${(error as NodeJS.ErrnoException).code}`, file);
  }
  const values = sectionOf(text, profile);
  const accessKeyId = values?.get("aws_access_key_id");
  const secretAccessKey = values?.get("aws_secret_access_key");
  if (!accessKeyId || !secretAccessKey) throw missing(`there are no keys for profile ${profile}`, file);
  const sessionToken = values?.get("aws_session_token");
  return { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) };
}

/** The settings below `[name]`; the last of two sections of one name counts, as with AWS's tools. */
export function sectionOf(text: string, name: string): Map<string, string> | undefined {
  let found: Map<string, string> | undefined;
  let current: Map<string, string> | undefined;
  for (const line of text.split(/\r?\n/)) {
    const section = /^\s*\[\s*(?:profile\s+)?([^\]]+?)\s*\]/.exec(line)?.[1];
    if (section !== undefined) {
      current = section === name ? (found ??= new Map()) : undefined;
      continue;
    }
    const [, key, value] = /^\s*([\w.-]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (key !== undefined && value !== undefined) current?.set(key.toLowerCase(), value);
  }
  return found;
}

function missing(message: string, where: string): SlipwayError {
  return new SlipwayError("ARTIFACTS_CREDENTIALS_MISSING", message, { where });
}
