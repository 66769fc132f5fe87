import { defineCommand } from "../store/database.ts";
import { modelRow, versionRow, type ModelId } from "./queries.ts";
import { served } from "./served.ts";
import { tellAlias } from "./webhooks/tell.ts";

interface AliasArgs extends ModelId {
  alias: string;
  /** Null removes the alias. */
  version: number | null;
  /** True: a rollout says what serves. False: a client, which may not touch what a rollout wrote. */
  projected: boolean;
  now: number;
}

export const setAlias = defineCommand("registry.set-alias", async (tx, args: AliasArgs): Promise<void> => {
  const { workspace, name, alias, version, projected } = args;
  if (version === null) await modelRow(tx, { workspace, name });
  else await versionRow(tx, { workspace, name, version });
  const known = await tx.get<{ projected: number; version: number }>(
    "SELECT projected, version FROM model_aliases WHERE workspace = ? AND name = ? AND alias = ?",
    [workspace, name, alias],
  );
  if (known?.projected === 1 && !projected) {
    throw served(`The alias ${alias} of ${name} says what is served; a rollout changes it, not a client.`);
  }
  if (version === null) {
    await tx.run("DELETE FROM model_aliases WHERE workspace = ? AND name = ? AND alias = ?", [
      workspace,
      name,
      alias,
    ]);
  } else {
    await tx.run(
      `INSERT INTO model_aliases (workspace, name, alias, version, projected) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (workspace, name, alias)
           DO UPDATE SET version = excluded.version, projected = excluded.projected`,
      [workspace, name, alias, version, projected ? 1 : 0],
    );
  }
  // A rollout projects what it wants again and again; a client's call is told as MLflow tells it: always.
  if (!projected || (known?.version ?? null) !== version) await tellAlias(tx, args);
});
