import type { Migration } from "../store/database.ts";

/** Refuses to change or remove what was written: the audit log only grows. */
const APPEND_ONLY: Migration["statements"] = [
  {
    sqlite: `CREATE TRIGGER audit_kept_update BEFORE UPDATE ON audit
      BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END`,
    postgres: `CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$`,
  },
  {
    sqlite: `CREATE TRIGGER audit_kept_delete BEFORE DELETE ON audit
      BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END`,
    postgres: `CREATE TRIGGER audit_kept BEFORE UPDATE OR DELETE ON audit
      FOR EACH ROW EXECUTE FUNCTION audit_is_append_only()`,
  },
];

/**
 * Times are milliseconds since the epoch. Of secrets only hashes are kept: SHA-256 of what we drew at random, scrypt of
 * what people chose.
 */
export const tenancyMigrations: readonly Migration[] = [
  {
    id: "tenancy-001",
    statements: [
      `CREATE TABLE tenants (name TEXT PRIMARY KEY, description TEXT, created_at BIGINT NOT NULL,
        updated_at BIGINT NOT NULL)`,
      "INSERT INTO tenants (name, created_at, updated_at) VALUES ('default', 0, 0)",
      `CREATE TABLE people (name TEXT PRIMARY KEY, display_name TEXT NOT NULL, password_hash TEXT,
        is_platform_admin SMALLINT NOT NULL, issuer TEXT, subject TEXT, is_disabled SMALLINT NOT NULL,
        created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, UNIQUE (issuer, subject))`,
      // A role that was given by hand, and one that the identity provider's groups give, stand beside each other.
      `CREATE TABLE roles (person TEXT NOT NULL, tenant TEXT NOT NULL, source TEXT NOT NULL, role TEXT NOT NULL,
        PRIMARY KEY (person, tenant, source))`,
      "CREATE INDEX roles_of_tenant ON roles (tenant, person)",
      // Of a person, with that person's roles; or of nobody, with one role in one tenant, or as a platform admin.
      `CREATE TABLE tokens (token_id TEXT PRIMARY KEY, sha256 TEXT NOT NULL UNIQUE, name TEXT NOT NULL, person TEXT,
        tenant TEXT, role TEXT, is_platform_admin SMALLINT NOT NULL, scopes TEXT, created_by TEXT NOT NULL,
        created_at BIGINT NOT NULL, expires_at BIGINT, revoked_at BIGINT, last_used_at BIGINT)`,
      "CREATE INDEX tokens_of_person ON tokens (person, created_at)",
      "CREATE INDEX tokens_of_tenant ON tokens (tenant, created_at)",
      `CREATE TABLE sessions (sha256 TEXT PRIMARY KEY, person TEXT NOT NULL, created_at BIGINT NOT NULL,
        expires_at BIGINT NOT NULL)`,
      "CREATE INDEX sessions_of_person ON sessions (person)",
      // A command line that waits until a person confirms its code in a browser.
      `CREATE TABLE device_codes (sha256 TEXT PRIMARY KEY, user_code TEXT NOT NULL UNIQUE, client TEXT NOT NULL,
        created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, person TEXT)`,
      {
        sqlite: `CREATE TABLE audit (id INTEGER PRIMARY KEY AUTOINCREMENT, at BIGINT NOT NULL, tenant TEXT NOT NULL,
          actor TEXT NOT NULL, actor_kind TEXT NOT NULL, token_id TEXT, action TEXT NOT NULL, subject TEXT NOT NULL,
          given TEXT, was TEXT, became TEXT, address TEXT, status BIGINT NOT NULL)`,
        postgres: `CREATE TABLE audit (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at BIGINT NOT NULL,
          tenant TEXT NOT NULL, actor TEXT NOT NULL, actor_kind TEXT NOT NULL, token_id TEXT, action TEXT NOT NULL,
          subject TEXT NOT NULL, given TEXT, was TEXT, became TEXT, address TEXT, status BIGINT NOT NULL)`,
      },
      "CREATE INDEX audit_of_tenant ON audit (tenant, id)",
      "CREATE INDEX audit_of_actor ON audit (actor, id)",
      "CREATE INDEX audit_of_subject ON audit (subject, id)",
      ...APPEND_ONLY,
    ],
  },
];
