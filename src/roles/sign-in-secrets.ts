import { readFileSync } from "node:fs";
import type { SignInOptions } from "../cli/sign-in-options.ts";
import { SlipwayError } from "../http/errors.ts";

/** The secret of this platform at the identity provider, from a file or the environment; never from an argument. */
export function signInSecrets(
  env: Readonly<Record<string, string | undefined>>,
  { oidc }: SignInOptions,
): { oidcClientSecret?: string } {
  if (oidc === undefined) return {};
  const secret = oidc.secretFile === undefined ? env["SLIPWAY_OIDC_CLIENT_SECRET"] : read(oidc.secretFile);
  return secret ? { oidcClientSecret: secret } : {};
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch (error) {
    throw new SlipwayError("USAGE", "the file with the client's secret can't be read", {
      where: "--oidc-secret-file",
      given: file,
      cause: error,
    });
  }
}
