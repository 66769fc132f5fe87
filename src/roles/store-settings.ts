import { readFileSync } from "node:fs";
import { SlipwayError } from "../http/errors.ts";
import type { PostgresAddress } from "../store/postgres/address.ts";

/**
 * The address of PostgreSQL with its password: out of the address itself, else out of a file, else out of PGPASSWORD.
 * Undefined: the database is a SQLite file. USAGE when the file can't be read.
 */
export function postgresSettings(
  env: Readonly<Record<string, string | undefined>>,
  options: { postgres?: PostgresAddress; storePasswordFile?: string },
): PostgresAddress | undefined {
  const { postgres, storePasswordFile } = options;
  if (postgres === undefined || postgres.password !== undefined) return postgres;
  const password = storePasswordFile === undefined ? env["PGPASSWORD"] : firstLine(storePasswordFile);
  return password === undefined || password === "" ? postgres : { ...postgres, password };
}

function firstLine(file: string): string {
  try {
    return readFileSync(file, "utf8").split(/\r?\n/, 1)[0] ?? "";
  } catch (error) {
    throw new SlipwayError("USAGE", "the file with the password can't be read", {
      where: "--store-password-file",
      given: file,
      cause: error,
    });
  }
}
