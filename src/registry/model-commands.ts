import { defineCommand, type Tx } from "../store/database.ts";
import { exists } from "../tracking/wire/errors.ts";
import type { KeyValue } from "../tracking/wire/limits.ts";
import { isPromptNamed } from "./named-version.ts";
import { PROMPT_TAG } from "./prompts.ts";
import { findModel, modelRow, type ModelId } from "./queries.ts";
import { served } from "./served.ts";
import { tellModelCreated, tellModelTag } from "./webhooks/tell.ts";

interface CreateArgs extends ModelId {
  description: string;
  tags: KeyValue[];
  now: number;
  /** True: one that is there already is no error. */
  ifMissing: boolean;
}

export const createModel = defineCommand(
  "registry.create-model",
  async (tx, args: CreateArgs): Promise<void> => {
    if (await findModel(tx, args)) {
      if (args.ifMissing) return;
      throw exists(await nameTaken(tx, args));
    }
    await tx.run(
      `INSERT INTO registered_models (workspace, name, description, creation_time, last_update_time, last_version)
     VALUES (?, ?, ?, ?, ?, 0)`,
      [args.workspace, args.name, args.description, args.now, args.now],
    );
    for (const tag of args.tags) await upsertTag(tx, args, tag);
    await tellModelCreated(tx, args);
  },
);

export const describeModel = defineCommand(
  "registry.describe-model",
  async (tx, args: ModelId & { description: string; now: number }): Promise<void> => {
    await modelRow(tx, args);
    await tx.run(
      "UPDATE registered_models SET description = ?, last_update_time = ? WHERE workspace = ? AND name = ?",
      [args.description, args.now, args.workspace, args.name],
    );
  },
);

/** Tables whose rows belong to a model by its name. */
const OWNED = ["registered_model_tags", "model_versions", "model_version_tags", "model_aliases"];

export const renameModel = defineCommand(
  "registry.rename-model",
  async (tx, args: ModelId & { newName: string; now: number }): Promise<void> => {
    const { workspace, name, newName } = args;
    await modelRow(tx, args);
    if (newName !== name && (await findModel(tx, { workspace, name: newName }))) {
      throw exists(`Registered Model (name=${newName}) already exists.`);
    }
    await notServing(tx, args, "renamed");
    await tx.run(
      "UPDATE registered_models SET name = ?, last_update_time = ? WHERE workspace = ? AND name = ?",
      [newName, args.now, workspace, name],
    );
    for (const table of OWNED) {
      const sql = `UPDATE ${table} SET name = ? WHERE workspace = ? AND name = ?`;
      await tx.run(sql, [newName, workspace, name]);
    }
  },
);

export const deleteModel = defineCommand("registry.delete-model", async (tx, id: ModelId): Promise<void> => {
  await modelRow(tx, id);
  await notServing(tx, id, "deleted");
  for (const table of [...OWNED, "registered_models"]) {
    await tx.run(`DELETE FROM ${table} WHERE workspace = ? AND name = ?`, [id.workspace, id.name]);
  }
});

export const setModelTag = defineCommand(
  "registry.set-model-tag",
  async (tx, args: ModelId & { key: string; value: string | null; now: number }): Promise<void> => {
    await modelRow(tx, args);
    // Before the tag that says it is a prompt can go.
    await tellModelTag(tx, args);
    if (args.value !== null) return upsertTag(tx, args, { key: args.key, value: args.value });
    await tx.run("DELETE FROM registered_model_tags WHERE workspace = ? AND name = ? AND key = ?", [
      args.workspace,
      args.name,
      args.key,
    ]);
  },
);

export const modelCommands = [createModel, describeModel, renameModel, deleteModel, setModelTag];

/** As MLflow: prompts and models share their names, and a client is told which of the two has it. */
async function nameTaken(tx: Tx, args: CreateArgs): Promise<string> {
  const tag = args.tags.findLast(({ key }) => key === PROMPT_TAG);
  const kind = (isPrompt: boolean): string => (isPrompt ? "Prompt" : "Registered Model");
  const [old, made] = [kind(await isPromptNamed(tx, args)), kind(tag?.value.toLowerCase() === "true")];
  if (old === made) return `${made} (name=${args.name}) already exists.`;
  return (
    `Tried to create a ${made.toLowerCase()} with name '${args.name}', but the name is already taken by a ` +
    `${old.toLowerCase()}. MLflow does not allow creating a model and a prompt with the same name.`
  );
}

async function upsertTag(tx: Tx, { workspace, name }: ModelId, { key, value }: KeyValue): Promise<void> {
  await tx.run(
    `INSERT INTO registered_model_tags (workspace, name, key, value) VALUES (?, ?, ?, ?)
     ON CONFLICT (workspace, name, key) DO UPDATE SET value = excluded.value`,
    [workspace, name, key, value],
  );
}

/** A service has its model's name: while a version serves, the name must stay. */
async function notServing(tx: Tx, { workspace, name }: ModelId, what: string): Promise<void> {
  const sql = "SELECT alias FROM model_aliases WHERE workspace = ? AND name = ? AND projected = 1";
  const row = await tx.get(sql, [workspace, name]);
  if (row) throw served(`The model ${name} is served and can't be ${what}; take its service away first.`);
}
