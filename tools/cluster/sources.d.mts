/** File of KServe's release: definitions, rights, webhooks, its manager (YAML). Throws with what is missing. */
export function kserveManifest(): string;
/** Names of all sources with definitions. */
export const DEFINITION_SETS: readonly string[];
/** Where a set comes from. */
export function sourceOf(name: string): { module: string; version: string };
/** Files with the definitions of a set (YAML; some hold other things too). Throws with what is missing. */
export function definitionFiles(name: string): string[];
