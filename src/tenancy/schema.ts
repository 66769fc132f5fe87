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
 * What may happen to a row after all: it learns how its request ended, once; and it goes when it is older than the log
 * is kept, which a row of its own says beforehand.
 */
const ANSWERED_ONCE: Migration["statements"] = [
  {
    sqlite: "DROP TRIGGER audit_kept_update",
    postgres: `CREATE OR REPLACE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF TG_OP = 'DELETE' AND OLD.at < (SELECT MAX(kept_from) FROM audit_horizon) THEN RETURN OLD; END IF;
      IF TG_OP = 'UPDATE' AND OLD.status = 0 AND NEW.status <> 0 AND (NEW.id, NEW.at, NEW.tenant, NEW.actor,
          NEW.actor_kind, NEW.token_id, NEW.action, NEW.given, NEW.address) IS NOT DISTINCT FROM (OLD.id, OLD.at,
          OLD.tenant, OLD.actor, OLD.actor_kind, OLD.token_id, OLD.action, OLD.given, OLD.address)
        THEN RETURN NEW; END IF;
      RAISE EXCEPTION 'the audit log is append-only'; END $$`,
  },
  {
    sqlite: `CREATE TRIGGER audit_kept_update BEFORE UPDATE ON audit
      WHEN NOT (OLD.status = 0 AND NEW.status <> 0 AND NEW.id IS OLD.id AND NEW.at IS OLD.at AND NEW.tenant IS OLD.tenant
        AND NEW.actor IS OLD.actor AND NEW.actor_kind IS OLD.actor_kind AND NEW.token_id IS OLD.token_id
        AND NEW.action IS OLD.action AND NEW.given IS OLD.given AND NEW.address IS OLD.address)
      BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END`,
    postgres: "SELECT 1",
  },
  { sqlite: "DROP TRIGGER audit_kept_delete", postgres: "SELECT 1" },
  {
    sqlite: `CREATE TRIGGER audit_kept_delete BEFORE DELETE ON audit
      WHEN OLD.at >= (SELECT MAX(kept_from) FROM audit_horizon)
      BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END`,
    postgres: "SELECT 1",
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
  {
    id: "tenancy-002",
    statements: [
      "ALTER TABLE audit ADD COLUMN ticket TEXT",
      // Of a request that has written something and isn't answered.
      "CREATE UNIQUE INDEX audit_open ON audit (ticket) WHERE status = 0",
      "CREATE INDEX audit_by_time ON audit (at)",
      "CREATE TABLE audit_horizon (kept_from BIGINT NOT NULL)",
      "INSERT INTO audit_horizon (kept_from) VALUES (0)",
      ...ANSWERED_ONCE,
    ],
  },
];
