import type { Clock } from "../base/clock.ts";
import { covers } from "../http/access.ts";
import { digestOf } from "../http/credentials.ts";
import { DEFAULT_TENANT, type Scope } from "../http/identity.ts";
import type { Database, ReadTx } from "../store/database.ts";
import type { TokenUses } from "./token-uses.ts";

export interface PredictionToken {
  id: string;
  sha256: string;
  /** Whose services it may ask; null: everybody's. */
  tenants: string[] | null;
  expiresAt: number | null;
}

export interface PredictionCallersDeps {
  db: Database;
  clock: Clock;
  uses: Pick<TokenUses, "note">;
  /** The token of a tenant's pipeline steps. */
  stepToken: (tenant: string) => string;
  /** Gives the whole list to whoever answers predictions; answers the ids that were used since the last time. */
  admit: (callers: { tokens: PredictionToken[] }) => Promise<{ used: string[] }>;
  log: (error: unknown, where: string) => void;
}

/** Between two looks for what another process changed, or for what serve couldn't be told, in milliseconds. */
const LOOK_EVERY_MS = 2_000;
/** Longest that a change waits until serve knows it. */
const PATIENCE_MS = 2_000;

/** Keeps the process that answers predictions told which tokens may ask for them. */
export class PredictionCallersFeed {
  readonly #deps: PredictionCallersDeps;
  #sending: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(deps: PredictionCallersDeps) {
    this.#deps = deps;
  }

  /** Resolves when serve knows the tokens as they are now, or when it can't be told for now: the next look tells it. */
  async changed(): Promise<void> {
    const late = new AbortController();
    const patience = this.#deps.clock.sleep(PATIENCE_MS, late.signal).catch(() => undefined);
    await Promise.race([this.#send().catch(() => undefined), patience]);
    late.abort();
  }

  /** Looks and tells until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    let isQuiet = false;
    while (!signal.aborted) {
      await this.#send().then(
        () => (isQuiet = false),
        (error: unknown) => {
          if (!isQuiet && !signal.aborted) this.#deps.log(error, "telling serve who may ask for predictions");
          isQuiet = true;
        },
      );
      await this.#deps.clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
    }
  }

  /** One list at a time; all who ask while one is under way share the next. */
  #send(): Promise<void> {
    if (this.#sending === undefined) return this.#start();
    this.#next ??= this.#sending
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        return this.#start();
      });
    return this.#next;
  }

  #start(): Promise<void> {
    const { db, clock, admit, uses, stepToken } = this.#deps;
    const sending = db
      .read(async (tx) => [
        ...(await predictionTokens(tx, clock.now())),
        ...(await stepTokens(tx, stepToken)),
      ])
      .then((tokens) => admit({ tokens }))
      .then(({ used }) => used.forEach((id) => id.startsWith(STEP_ID) || uses.note(id)))
      .finally(() => {
        if (this.#sending === sending) this.#sending = undefined;
      });
    this.#sending = sending;
    return sending;
  }
}

/** Before the tenant in the id of its steps' token, which is in no table. */
const STEP_ID = "step/";

interface Row {
  token_id: string;
  sha256: string;
  person: string | null;
  tenant: string | null;
  is_platform_admin: number;
  scopes: string | null;
  expires_at: number | null;
  owner_is_admin: number | null;
  role_tenant: string | null;
}

/** Living tokens whose holders may ask for predictions, and of whose services. */
export async function predictionTokens(tx: ReadTx, now: number): Promise<PredictionToken[]> {
  const rows = await tx.all<Row>(
    `SELECT t.token_id, t.sha256, t.person, t.tenant, t.is_platform_admin, t.scopes, t.expires_at,
       p.is_platform_admin AS owner_is_admin, r.tenant AS role_tenant
     FROM tokens t LEFT JOIN people p ON p.name = t.person AND p.is_disabled = 0
       LEFT JOIN roles r ON r.person = p.name
     WHERE t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > ?)
     ORDER BY t.token_id, r.tenant`,
    [now],
  );
  const tokens = new Map<string, PredictionToken>();
  for (const row of rows) {
    const scopes = row.scopes === null ? null : (row.scopes.split(" ") as Scope[]);
    if (!covers(scopes, "predict")) continue;
    const known = tokens.get(row.token_id);
    const { token_id: id, sha256, expires_at: expiresAt } = row;
    const isOwned = row.person !== null;
    const isAdmin = (isOwned ? row.owner_is_admin : row.is_platform_admin) === 1;
    // Any role in a tenant is enough; a person may have one by hand and one by group.
    const tenant = isOwned ? row.role_tenant : row.tenant;
    const before = known?.tenants ?? [];
    const tenants = tenant === null || before.includes(tenant) ? before : [...before, tenant];
    tokens.set(id, { id, sha256, tenants: isAdmin ? null : tenants, expiresAt });
  }
  return [...tokens.values()].filter(({ tenants }) => tenants === null || tenants.length > 0);
}

/** Those of tenants' pipeline steps, which end with this start of the platform. */
async function stepTokens(tx: ReadTx, stepToken: (tenant: string) => string): Promise<PredictionToken[]> {
  const rows = await tx.all<{ name: string }>("SELECT name FROM tenants WHERE name <> ? ORDER BY name", [
    DEFAULT_TENANT,
  ]);
  return rows.map(({ name }) => ({
    id: `${STEP_ID}${name}`,
    sha256: digestOf(stepToken(name)),
    tenants: [name],
    expiresAt: null,
  }));
}
