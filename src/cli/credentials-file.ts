import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { SlipwayError } from "../http/errors.ts";

/** What a sign-in left: a token of the person, for one platform. */
export interface StoredCredentials {
  token: string;
  /** Who signed in. */
  name: string;
}

type Env = Readonly<Record<string, string | undefined>>;
type Stored = Record<string, StoredCredentials>;

/** `slipway/credentials.json` in the user's configuration folder (XDG Base Directory Specification). */
export function credentialsPath(env: Env): string {
  const config = env["XDG_CONFIG_HOME"] || join(env["HOME"] ?? "/", ".config");
  return join(config, "slipway", "credentials.json");
}

/** Credentials by platform address. The file is its owner's alone: it holds tokens. */
export class CredentialsFile {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Of the platform at this address, without a slash at its end. */
  get(url: string): StoredCredentials | undefined {
    const all = this.#read();
    return Object.hasOwn(all, url) ? all[url] : undefined;
  }

  put(url: string, credentials: StoredCredentials): void {
    this.#write({ ...this.#read(), [url]: credentials });
  }

  remove(url: string): void {
    const { [url]: _, ...others } = this.#read();
    this.#write(others);
  }

  #read(): Stored {
    try {
      return JSON.parse(readFileSync(this.#path, "utf8")) as Stored;
    } catch (error) {
      if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return {};
      throw new SlipwayError("CREDENTIALS_UNREADABLE", "the file with your sign-ins can't be read", {
        where: this.#path,
        cause: error,
      });
    }
  }

  #write(all: Stored): void {
    const temporary = `${this.#path}.new`;
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
    writeFileSync(temporary, `${JSON.stringify(all, null, 2)}\n`, { mode: 0o600 });
    // One that was left by a crash keeps its own mode.
    chmodSync(temporary, 0o600);
    renameSync(temporary, this.#path);
  }
}
