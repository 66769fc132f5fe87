import { defineCommand } from "../store/database.ts";
import { modelRow, versionRow } from "./queries.ts";
import { served } from "./served.ts";

interface AliasArgs {
  name: string;
  alias: string;
  /** Null removes the alias. */
  version: number | null;
  /** True: a rollout says what serves. False: a client, which may not touch what a rollout wrote. */
  projected: boolean;
}

export const setAlias = defineCommand(
  "registry.set-alias",
  async (tx, { name, alias, version, projected }: AliasArgs): Promise<void> => {
    await modelRow(tx, name);
    if (version !== null) await versionRow(tx, name, version);
    const known = await tx.get<{ projected: number }>(
      "SELECT projected FROM model_aliases WHERE name = ? AND alias = ?",
      [name, alias],
    );
    if (known?.projected === 1 && !projected) {
      throw served(`The alias ${alias} of ${name} says what is served; a rollout changes it, not a client.`);
    }
    if (version === null) {
      await tx.run("DELETE FROM model_aliases WHERE name = ? AND alias = ?", [name, alias]);
    } else {
      await tx.run(
        `INSERT INTO model_aliases (name, alias, version, projected) VALUES (?, ?, ?, ?)
         ON CONFLICT (name, alias) DO UPDATE SET version = excluded.version, projected = excluded.projected`,
        [name, alias, version, projected ? 1 : 0],
      );
    }
  },
);
