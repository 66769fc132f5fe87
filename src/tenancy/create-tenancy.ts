import type { FastifyInstance } from "fastify";
import type { Clock } from "../base/clock.ts";
import type { Ids } from "../base/ids.ts";
import type { Database } from "../store/database.ts";
import { mlflowRoutes } from "../tracking/wire/routes.ts";
import { auditHook } from "./audit-hook.ts";
import { AuditLog } from "./audit.ts";
import { keepPruning } from "./audit-retention.ts";
import type { AuditedChanges } from "./audited-changes.ts";
import { Authenticator } from "./authenticator.ts";
import { keepDeclared, type DeclaredTenant } from "./declared-tenants.ts";
import { deviceRoutes } from "./login/device-routes.ts";
import { loginRoutes } from "./login/login-routes.ts";
import { OidcProvider, type OidcSettings } from "./login/oidc.ts";
import { Passwords } from "./passwords.ts";
import { PredictionCallersFeed, type PredictionCallersDeps } from "./prediction-callers.ts";
import { tenancyRoutes } from "./routes.ts";
import { Sessions } from "./sessions.ts";
import { SignInLimits } from "./sign-in-limits.ts";
import { stepToken, tenantOfStep } from "./step-tokens.ts";
import { TokenUses } from "./token-uses.ts";
import { workspaceRoutes } from "./workspace-routes.ts";

export interface TenancyDeps {
  /** Watched by `changes`, as every database that the platform writes to. */
  db: Database;
  changes: AuditedChanges;
  /** Days for which the audit log is kept. */
  auditDays: number;
  clock: Clock;
  ids: Ids;
  /** SHA-256 (hex) of the platform's own token; null: loopback without a login. */
  platformSha256: string | null;
  /** Of which the tokens of tenants' steps are made. */
  stepSecret: string;
  /** Tells serve who may ask for predictions. */
  admit: PredictionCallersDeps["admit"];
  /** An identity provider that people sign in with. */
  oidc?: OidcSettings | undefined;
  /** Address at which people reach the platform; undefined: as the browser names it. */
  publicUrl?: string | undefined;
  /** Tenants that whoever runs the platform has written down; undefined: people make all of them. */
  declared?: (() => Promise<readonly DeclaredTenant[]>) | undefined;
  /** Default: as slow as guessing must be. Tests can't wait. */
  passwords?: Passwords;
  log: (error: unknown, where: string) => void;
}

/** Who may do what, for the rest of the platform. */
export interface Tenancy {
  authenticator: Authenticator;
  passwords: Passwords;
  limits: SignInLimits;
  audit: AuditLog;
  sessions: Sessions;
  /** Adds the routes, and the audit log's hook for the routes of all; MLflow's workspaces besides. */
  routes(app: FastifyInstance): void;
  /** Somebody's rights have changed: resolves when this process, and serve if it answers, go by the new ones. */
  changed(): Promise<void>;
  /** Keeps serve told and uses of tokens written, until the signal is aborted. */
  run(signal: AbortSignal): Promise<void>;
  /** Writes what is still in memory. */
  close(): Promise<void>;
}

export function createTenancy(deps: TenancyDeps): Tenancy {
  const { db, clock, log, stepSecret } = deps;
  const passwords = deps.passwords ?? new Passwords();
  const limits = new SignInLimits(() => clock.now());
  const uses = new TokenUses(db, clock);
  const authenticator = new Authenticator({
    ...deps,
    passwords,
    limits,
    uses,
    tenantOfStep: (token) => tenantOfStep(stepSecret, token),
  });
  const feed = new PredictionCallersFeed({
    db,
    clock,
    uses,
    admit: deps.admit,
    log,
    stepToken: (tenant) => stepToken(stepSecret, tenant),
  });
  const audit = new AuditLog(db, clock);
  const sessions = new Sessions(db, clock);
  const changed = async (): Promise<void> => {
    authenticator.changed();
    await feed.changed();
  };
  return {
    authenticator,
    passwords,
    limits,
    audit,
    sessions,
    changed,
    routes(app) {
      auditHook(app, { ...deps, audit, logDefect: log });
      const routeDeps = { ...deps, authenticator, passwords, limits, sessions, audit, changed };
      const { oidc: settings } = deps;
      const oidc = settings && {
        provider: new OidcProvider(settings, () => clock.now()),
        grants: settings.grants,
      };
      tenancyRoutes(app, routeDeps);
      deviceRoutes(app, { ...routeDeps, oidc });
      loginRoutes(app, { ...routeDeps, oidc }, (error) => log(error, "signing in"));
      mlflowRoutes(app, workspaceRoutes(routeDeps), log);
    },
    async run(signal) {
      await Promise.all([
        feed.run(signal),
        uses.run(signal, (error) => log(error, "noting uses of tokens")),
        deps.declared &&
          keepDeclared(
            {
              db,
              clock,
              read: deps.declared,
              log: (error) => log(error, "making the tenants of the platform"),
            },
            signal,
          ),
        keepPruning({ db, clock, days: deps.auditDays }, signal, (error) =>
          log(error, "pruning the audit log"),
        ),
      ]);
    },
    close: () => uses.flush(),
  };
}
