/** The folder with `initdb`, `pg_ctl` and `postgres`. Throws with what is missing. */
export function ensurePostgres(): string;
