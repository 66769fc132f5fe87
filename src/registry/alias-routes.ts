import type { MlflowCall, MlflowRoute } from "../tracking/wire/routes.ts";
import { setAlias } from "./alias-commands.ts";
import type { RegistryCore } from "./create-registry.ts";
import type { RegistryDeps } from "./deps.ts";
import { aliasName, modelName, newAliasName, versionNumber } from "./fields.ts";
import { versionMessages } from "./messages.ts";
import { aliasedVersion, versionRow } from "./queries.ts";

/** Tells a client, in a header, that its call did something else than it says. */
const NOTE = "x-slipway-note";

export function aliasRoutes({
  db,
  clock,
  registry,
}: RegistryDeps & { registry: RegistryCore }): MlflowRoute[] {
  async function set({ fields, workspace, header }: MlflowCall): Promise<object> {
    const [name, alias, version] = [modelName(fields), newAliasName(fields), versionNumber(fields)];
    if (alias === "champion") {
      const note = await requestChampion(workspace, name, version);
      if (note !== undefined) {
        header(NOTE, note);
        return {};
      }
    }
    await db.write(setAlias, { workspace, name, alias, version, projected: false, now: clock.now() });
    return {};
  }

  /** The note for the client; undefined when nothing serves the model and the alias is one like any other. */
  async function requestChampion(
    workspace: string,
    name: string,
    version: number,
  ): Promise<string | undefined> {
    const handler = registry.championHandler();
    if (!handler) return undefined;
    await db.read((tx) => versionRow(tx, { workspace, name, version }));
    const answer = await handler(workspace, name, version);
    if (answer === "no-service") return undefined;
    return (
      answer?.note ?? `a rollout of ${name} version ${version} was requested; the alias follows its verdict`
    );
  }

  async function remove({ fields, workspace }: MlflowCall): Promise<object> {
    const [name, alias] = [modelName(fields), aliasName(fields)];
    await db.write(setAlias, {
      workspace,
      name,
      alias,
      version: null,
      projected: false,
      now: clock.now(),
    });
    return {};
  }

  async function get({ fields, workspace }: MlflowCall): Promise<object> {
    const [name, alias] = [modelName(fields), aliasName(fields)];
    return db.read(async (tx) => {
      const [message] = await versionMessages(
        tx,
        [await aliasedVersion(tx, { workspace, name }, alias)],
        true,
      );
      return { model_version: message };
    });
  }

  const path = "registered-models/alias";
  return [
    { method: "POST", path, access: "write", handle: set },
    { method: "DELETE", path, access: "write", handle: remove },
    { method: "GET", path, access: "read", handle: get },
  ];
}
