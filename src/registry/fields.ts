import { invalid } from "../tracking/wire/errors.ts";
import { optionalString, string, type Fields } from "../tracking/wire/fields.ts";
import { atMost, checkResolved, LIMITS, within } from "../tracking/wire/limits.ts";

/** A model's name, as MLflow checks it wherever one is named: it becomes part of `models:/` URIs. */
export function modelName(fields: Fields, field = "name"): string {
  const name = string(fields, field);
  if (name.trim() === "") throw invalid(`Missing value for required parameter '${field}'.`);
  if (/[/:]/.test(name)) throw invalid(`Invalid model name '${name}'. Names cannot contain '/' or ':'.`);
  checkResolved(name, "name");
  return name;
}

/** A new model's name, which moreover is the same name however often a URL encodes or decodes it. */
export function newModelName(fields: Fields, field = "name"): string {
  const name = within(modelName(fields, field), LIMITS.modelName, field);
  // oxlint-disable-next-line no-control-regex
  if (/[\\\u0000-\u001f]|%[0-9a-f]{2}/i.test(name)) {
    throw invalid(
      `Invalid model name '${name}'. Names cannot contain backslashes, control characters or percent-encoded ones.`,
    );
  }
  return name;
}

export function versionNumber(fields: Fields): number {
  const text = string(fields, "version");
  if (/^\s*[+-]?\d{1,15}\s*$/.test(text)) return Number(text);
  throw invalid(`Parameter 'version' must be an integer, got '${text}'.`);
}

export function aliasName(fields: Fields): string {
  const alias = string(fields, "alias");
  if (!/^[\p{L}\p{N}_-]+$/u.test(alias)) {
    throw invalid(
      `Invalid alias name: '${alias}'. Names may only contain alphanumerics, underscores (_), and dashes (-).`,
    );
  }
  return within(alias, LIMITS.alias, "Registered model alias name");
}

/** A new alias, which can't be taken for a version or for MLflow's word `latest`. */
export function newAliasName(fields: Fields): string {
  const alias = aliasName(fields);
  if (alias.toLowerCase() === "latest") throw invalid("'latest' alias name (case insensitive) is reserved.");
  if (/^v\d+$/i.test(alias)) throw invalid(`Version alias name '${alias}' is reserved.`);
  return alias;
}

const STAGES = ["None", "Staging", "Production", "Archived"];

/** A stage's canonical name, whatever its case. */
export function stageName(text: string): string {
  const found = STAGES.find((stage) => stage.toLowerCase() === text.toLowerCase());
  if (!found) {
    throw invalid(`Invalid Model Version stage: ${text}. Value must be one of ${STAGES.join(", ")}.`);
  }
  return found;
}

export function description(fields: Fields): string {
  const text = optionalString(fields, "description") ?? "";
  atMost(text, LIMITS.description, "The description");
  return text;
}
