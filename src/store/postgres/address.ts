import { SlipwayError } from "../../http/errors.ts";

/**
 * How the connection is protected, in libpq's words; `require` encrypts, `verify-full` also knows who answers. On the
 * way to another machine it is encrypted unless the address says otherwise.
 */
const SSL_MODES = ["disable", "require", "verify-full"] as const;
const PARAMETERS = ["schema", "sslmode", "sslrootcert", "host"];
/** What needs no quoting anywhere; PostgreSQL cuts longer names off. */
const SCHEMA = /^[a-z_][a-z0-9_]{0,62}$/;
const DEFAULT_SCHEMA = "slipway";
const DEFAULT_PORT = 5432;

/** Where a PostgreSQL database is and how to get in. Carries a password: never to be printed as it is. */
export interface PostgresAddress {
  /** A name, an address, or the folder of a Unix socket. */
  host: string;
  port: number;
  user: string;
  database: string;
  password?: string;
  /** Our tables' own, made when it isn't there. */
  schema: string;
  sslmode: (typeof SSL_MODES)[number];
  /** Path of a file with the certificates of those who may vouch for the server. */
  sslrootcert?: string;
}

/**
 * Reads `postgres://user[:password]@host[:port]/database[?schema=…&sslmode=…&sslrootcert=…&host=/socket/folder]`.
 * USAGE says what is wrong, and never shows the password.
 */
export function parsePostgresAddress(text: string): PostgresAddress {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw refused("that isn't an address of PostgreSQL", shown(text));
  }
  const given = shown(text);
  if (url.protocol !== "postgres:" && url.protocol !== "postgresql:")
    throw refused("that isn't an address of PostgreSQL", given);
  const parameters = url.searchParams;
  for (const name of parameters.keys()) {
    if (!PARAMETERS.includes(name)) throw refused(`the address has no parameter ${name}`, given, PARAMETERS);
  }
  const host = parameters.get("host") ?? decoded(url.hostname.replace(/^\[|\]$/g, ""), given);
  const user = decoded(url.username, given);
  const database = decoded(url.pathname.slice(1), given);
  if (host === "" || user === "" || database === "" || database.includes("/"))
    throw refused("the address must name a user, a host and a database", given);
  const schema = parameters.get("schema") ?? DEFAULT_SCHEMA;
  if (!SCHEMA.test(schema) || schema.startsWith("pg_"))
    throw refused("that isn't a schema's name", schema, ["a to z, 0 to 9 and _"]);
  const wanted = parameters.get("sslmode") ?? (isHere(host) ? "disable" : "require");
  const sslmode = SSL_MODES.find((mode) => mode === wanted);
  if (!sslmode) throw refused("that isn't an sslmode", wanted, SSL_MODES);
  const sslrootcert = parameters.get("sslrootcert");
  return {
    host,
    port: url.port === "" ? DEFAULT_PORT : Number(url.port),
    user,
    database,
    ...(url.password === "" ? {} : { password: decoded(url.password, given) }),
    schema,
    sslmode,
    ...(sslrootcert === null ? {} : { sslrootcert }),
  };
}

/** True for what `parsePostgresAddress` is meant to read. */
export function isPostgresAddress(text: string): boolean {
  return /^postgres(ql)?:\/\//i.test(text);
}

/** Loopback, or the folder of a socket. */
function isHere(host: string): boolean {
  return host.startsWith("/") || host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

function decoded(part: string, given: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw refused("the address has a broken percent-encoding", given);
  }
}

/** Without whatever may be a password: messages end up in logs. */
function shown(text: string): string {
  const at = text.lastIndexOf("@");
  return `postgres://${at === -1 ? "…" : `…@${text.slice(at + 1)}`}`;
}

function refused(message: string, given: string, allowed?: readonly string[]): SlipwayError {
  return new SlipwayError("USAGE", message, {
    where: "--store",
    given,
    allowed:
      allowed?.join(", ") ??
      "postgres://user@host:port/database, its special characters percent-encoded, and ?schema=name",
  });
}
