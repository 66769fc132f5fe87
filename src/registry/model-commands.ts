import { defineCommand, type Tx } from "../store/database.ts";
import { exists } from "../tracking/wire/errors.ts";
import type { KeyValue } from "../tracking/wire/limits.ts";
import { findModel, modelRow } from "./queries.ts";
import { served } from "./served.ts";

interface CreateArgs {
  name: string;
  description: string;
  tags: KeyValue[];
  now: number;
  /** True: one that is there already is no error. */
  ifMissing: boolean;
}

export const createModel = defineCommand(
  "registry.create-model",
  async (tx, args: CreateArgs): Promise<void> => {
    if (await findModel(tx, args.name)) {
      if (args.ifMissing) return;
      throw exists(`Registered Model (name=${args.name}) already exists.`);
    }
    await tx.run(
      `INSERT INTO registered_models (name, description, creation_time, last_update_time, last_version)
     VALUES (?, ?, ?, ?, 0)`,
      [args.name, args.description, args.now, args.now],
    );
    for (const tag of args.tags) await upsertTag(tx, args.name, tag);
  },
);

export const describeModel = defineCommand(
  "registry.describe-model",
  async (tx, args: { name: string; description: string; now: number }): Promise<void> => {
    await modelRow(tx, args.name);
    await tx.run("UPDATE registered_models SET description = ?, last_update_time = ? WHERE name = ?", [
      args.description,
      args.now,
      args.name,
    ]);
  },
);

/** Tables whose rows belong to a model by its name. */
const OWNED = ["registered_model_tags", "model_versions", "model_version_tags", "model_aliases"];

export const renameModel = defineCommand(
  "registry.rename-model",
  async (tx, args: { name: string; newName: string; now: number }): Promise<void> => {
    await modelRow(tx, args.name);
    if (await findModel(tx, args.newName)) {
      throw exists(`Registered Model (name=${args.newName}) already exists.`);
    }
    await notServing(tx, args.name, "renamed");
    await tx.run("UPDATE registered_models SET name = ?, last_update_time = ? WHERE name = ?", [
      args.newName,
      args.now,
      args.name,
    ]);
    for (const table of OWNED) {
      await tx.run(`UPDATE ${table} SET name = ? WHERE name = ?`, [args.newName, args.name]);
    }
  },
);

export const deleteModel = defineCommand(
  "registry.delete-model",
  async (tx, { name }: { name: string }): Promise<void> => {
    await modelRow(tx, name);
    await notServing(tx, name, "deleted");
    for (const table of [...OWNED, "registered_models"]) {
      await tx.run(`DELETE FROM ${table} WHERE name = ?`, [name]);
    }
  },
);

export const setModelTag = defineCommand(
  "registry.set-model-tag",
  async (tx, args: { name: string; key: string; value: string | null }): Promise<void> => {
    await modelRow(tx, args.name);
    if (args.value !== null) return upsertTag(tx, args.name, { key: args.key, value: args.value });
    await tx.run("DELETE FROM registered_model_tags WHERE name = ? AND key = ?", [args.name, args.key]);
  },
);

export const modelCommands = [createModel, describeModel, renameModel, deleteModel, setModelTag];

async function upsertTag(tx: Tx, name: string, { key, value }: KeyValue): Promise<void> {
  await tx.run(
    `INSERT INTO registered_model_tags (name, key, value) VALUES (?, ?, ?)
     ON CONFLICT (name, key) DO UPDATE SET value = excluded.value`,
    [name, key, value],
  );
}

/** A service has its model's name: while a version serves, the name must stay. */
async function notServing(tx: Tx, name: string, what: string): Promise<void> {
  const row = await tx.get("SELECT alias FROM model_aliases WHERE name = ? AND projected = 1", [name]);
  if (row) throw served(`The model ${name} is served and can't be ${what}; take its service away first.`);
}
