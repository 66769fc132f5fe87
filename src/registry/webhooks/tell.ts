import type { Tx } from "../../store/database.ts";
import type { KeyValue } from "../../tracking/wire/limits.ts";
import { PROMPT_TAG, TEXT_TAG, TYPE_TAG } from "../prompts.ts";
import { emitWebhook } from "./emit.ts";

/** Tells the webhooks what a command of the registry has done, in its transaction. Prompts have events of their own. */
interface Happened {
  workspace: string;
  name: string;
  /** Milliseconds since the epoch. */
  now: number;
}

export async function tellModelCreated(
  tx: Tx,
  { workspace, name, now, tags, description }: Happened & { tags: readonly KeyValue[]; description: string },
): Promise<void> {
  if (!(await isAnybodyListening(tx, workspace))) return;
  const isPrompt = tagsArePrompts(tags);
  await emitWebhook(tx, {
    workspace,
    now,
    event: isPrompt ? "prompt.created" : "registered_model.created",
    data: { name, tags: isPrompt ? without(tags, [PROMPT_TAG, TYPE_TAG]) : record(tags), description },
  });
}

interface VersionCreated extends Happened {
  version: number;
  source: string;
  runId: string;
  tags: readonly KeyValue[];
  description: string;
}

export async function tellVersionCreated(tx: Tx, created: VersionCreated): Promise<void> {
  const { workspace, name, now, tags } = created;
  if (!(await isAnybodyListening(tx, workspace))) return;
  const common = { name, version: String(created.version) };
  const description = created.description || null;
  if (tagsArePrompts(tags)) {
    const template = record(tags)[TEXT_TAG] ?? null;
    const rest = without(tags, [PROMPT_TAG, TYPE_TAG, TEXT_TAG]);
    const data = { ...common, template, tags: rest, description };
    return emitWebhook(tx, { workspace, now, event: "prompt_version.created", data });
  }
  const { source, runId } = created;
  const data = { ...common, source, run_id: runId || null, tags: record(tags), description };
  return emitWebhook(tx, { workspace, now, event: "model_version.created", data });
}

interface TagChanged extends Happened {
  key: string;
  /** Null: deleted. */
  value: string | null;
}

/** MLflow has this event for prompts only. */
export async function tellModelTag(tx: Tx, { workspace, name, now, key, value }: TagChanged): Promise<void> {
  if (!(await isAnybodyListening(tx, workspace)) || !(await isPrompt(tx, workspace, name))) return;
  if (value === null) {
    return emitWebhook(tx, { workspace, now, event: "prompt_tag.deleted", data: { name, key } });
  }
  return emitWebhook(tx, { workspace, now, event: "prompt_tag.set", data: { name, key, value } });
}

export async function tellVersionTag(tx: Tx, changed: TagChanged & { version: number }): Promise<void> {
  const { workspace, name, now, key, value } = changed;
  if (!(await isAnybodyListening(tx, workspace))) return;
  const entity = (await isPrompt(tx, workspace, name)) ? "prompt_version_tag" : "model_version_tag";
  const data = { name, version: String(changed.version), key };
  if (value === null) return emitWebhook(tx, { workspace, now, event: `${entity}.deleted`, data });
  return emitWebhook(tx, { workspace, now, event: `${entity}.set`, data: { ...data, value } });
}

interface AliasChanged extends Happened {
  alias: string;
  /** Null: deleted. */
  version: number | null;
}

export async function tellAlias(
  tx: Tx,
  { workspace, name, now, alias, version }: AliasChanged,
): Promise<void> {
  if (!(await isAnybodyListening(tx, workspace))) return;
  const entity = (await isPrompt(tx, workspace, name)) ? "prompt_alias" : "model_version_alias";
  if (version === null) {
    return emitWebhook(tx, { workspace, now, event: `${entity}.deleted`, data: { name, alias } });
  }
  const data = { name, alias, version: String(version) };
  return emitWebhook(tx, { workspace, now, event: `${entity}.created`, data });
}

/** Where nobody is subscribed to anything, telling costs this one look. */
async function isAnybodyListening(tx: Tx, workspace: string): Promise<boolean> {
  const row = await tx.get("SELECT 1 AS one FROM webhook_events WHERE workspace = ? LIMIT 1", [workspace]);
  return row !== undefined;
}

async function isPrompt(tx: Tx, workspace: string, name: string): Promise<boolean> {
  const tag = await tx.get<{ value: string }>(
    "SELECT value FROM registered_model_tags WHERE workspace = ? AND name = ? AND key = ?",
    [workspace, name, PROMPT_TAG],
  );
  return tag?.value.toLowerCase() === "true";
}

/** As MLflow: of several tags of one key the last one counts. */
function tagsArePrompts(tags: readonly KeyValue[]): boolean {
  return record(tags)[PROMPT_TAG]?.toLowerCase() === "true";
}

function without(tags: readonly KeyValue[], keys: readonly string[]): Record<string, string> {
  return record(tags.filter(({ key }) => !keys.includes(key)));
}

function record(tags: readonly KeyValue[]): Record<string, string> {
  return Object.fromEntries(tags.map(({ key, value }) => [key, value]));
}
