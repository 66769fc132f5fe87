import { defineCommand } from "../../store/database.ts";
import { loggedModelRow } from "./queries.ts";

interface NoteArgs {
  workspace: string;
  modelId: string;
  version: { name: string; version: number };
}

const TAG = "mlflow.modelVersions";

/** The tag by which MLflow's pages lead from a logged model to the versions it became; each is named once. */
export const noteModelVersion = defineCommand(
  "tracking.note-model-version",
  async (tx, { workspace, modelId, version }: NoteArgs): Promise<void> => {
    await loggedModelRow(tx, workspace, modelId, true);
    const sql = "SELECT value FROM logged_model_tags WHERE model_id = ? AND key = ?";
    const known = listed((await tx.get<{ value: string }>(sql, [modelId, TAG]))?.value);
    if (known.some(({ name, version: number }) => name === version.name && number === version.version))
      return;
    await tx.run(
      `INSERT INTO logged_model_tags (model_id, key, value) VALUES (?, ?, ?)
       ON CONFLICT (model_id, key) DO UPDATE SET value = excluded.value`,
      [modelId, TAG, pythonJson([...known, version])],
    );
  },
);

/** What a client wrote there itself doesn't count. */
function listed(text = "[]"): NoteArgs["version"][] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? (value as NoteArgs["version"][]).filter((item) => item?.name) : [];
  } catch {
    return [];
  }
}

/** As Python's json.dumps writes it, which clients compare as text. */
function pythonJson(versions: readonly NoteArgs["version"][]): string {
  const items = versions.map(({ name, version }) => {
    const ascii = JSON.stringify(name).replace(
      /[\u007f-\uffff]/g,
      (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
    );
    return `{"name": ${ascii}, "version": ${version}}`;
  });
  return `[${items.join(", ")}]`;
}
