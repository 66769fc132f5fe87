import type { Clock } from "../base/clock.ts";
import { covers, roleIn } from "../http/access.ts";
import { DEFAULT_TENANT, type Role, type Scope } from "../http/identity.ts";
import type { Database, ReadTx } from "../store/database.ts";
import type { TokenUses } from "./token-uses.ts";

export interface PredictionToken {
  id: string;
  sha256: string;
  expiresAt: number | null;
}

export interface PredictionCallersDeps {
  db: Database;
  clock: Clock;
  uses: Pick<TokenUses, "note">;
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
    const { db, clock, admit, uses } = this.#deps;
    const sending = db
      .read((tx) => predictionTokens(tx, clock.now()))
      .then((tokens) => admit({ tokens }))
      .then(({ used }) => used.forEach((id) => uses.note(id)))
      .finally(() => {
        if (this.#sending === sending) this.#sending = undefined;
      });
    this.#sending = sending;
    return sending;
  }
}

interface Row {
  token_id: string;
  sha256: string;
  person: string | null;
  tenant: string | null;
  role: Role | null;
  is_platform_admin: number;
  scopes: string | null;
  expires_at: number | null;
  owner_is_admin: number | null;
  owner_role: Role | null;
}

/** Living tokens whose holders may ask for predictions: services belong to the default tenant. */
export async function predictionTokens(tx: ReadTx, now: number): Promise<PredictionToken[]> {
  const rows = await tx.all<Row>(
    `SELECT t.token_id, t.sha256, t.person, t.tenant, t.role, t.is_platform_admin, t.scopes, t.expires_at,
       p.is_platform_admin AS owner_is_admin, MAX(r.role) AS owner_role
     FROM tokens t LEFT JOIN people p ON p.name = t.person AND p.is_disabled = 0
       LEFT JOIN roles r ON r.person = p.name AND r.tenant = ?
     WHERE t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > ?)
     GROUP BY t.token_id, t.sha256, t.person, t.tenant, t.role, t.is_platform_admin, t.scopes, t.expires_at,
       p.is_platform_admin
     ORDER BY t.token_id`,
    [DEFAULT_TENANT, now],
  );
  return rows.filter(mayPredict).map((row) => ({
    id: row.token_id,
    sha256: row.sha256,
    expiresAt: row.expires_at,
  }));
}

/** Any role in the tenant is enough; which one makes no difference here. */
function mayPredict(row: Row): boolean {
  const scopes = row.scopes === null ? null : (row.scopes.split(" ") as Scope[]);
  if (!covers(scopes, "predict")) return false;
  const isOwned = row.person !== null;
  const role = isOwned ? row.owner_role : row.tenant === DEFAULT_TENANT ? row.role : null;
  const caller = {
    isPlatformAdmin: (isOwned ? row.owner_is_admin : row.is_platform_admin) === 1,
    roles: role === null ? {} : { [DEFAULT_TENANT]: role },
  };
  return (
    roleIn({ name: "", kind: "token", scopes, tokenId: row.token_id, ...caller }, DEFAULT_TENANT) !==
    undefined
  );
}
