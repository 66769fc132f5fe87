import { invalid } from "../tracking/wire/errors.ts";
import { optionalString, string, type Fields } from "../tracking/wire/fields.ts";
import { atMost, LIMITS } from "../tracking/wire/limits.ts";

/** A new model's name: it becomes part of `models:/` URIs. */
export function newModelName(fields: Fields, field = "name"): string {
  const name = string(fields, field);
  atMost(name, LIMITS.modelName, "The registered model's name");
  // oxlint-disable-next-line no-control-regex
  if (name.trim() === "" || /[/:\\\u0000-\u001f]|%2f|%3a/i.test(name)) {
    throw invalid(
      `Registered model name '${name}' is invalid: it may not be blank or contain '/', ':', '\\' or control characters.`,
    );
  }
  // As MLflow: what a file system or a URL would take for another name.
  if (name === "." || name.startsWith(".."))
    throw invalid(
      `Registered model name '${name}' is invalid: it may not be '.' or begin with '..', which a path would resolve to another name.`,
    );
  return name;
}

export function versionNumber(fields: Fields): number {
  const text = string(fields, "version");
  if (!/^\d{1,15}$/.test(text)) throw invalid(`Model version must be an integer, got '${text}'.`);
  return Number(text);
}

/** An alias that can't be taken for a version or for MLflow's word `latest`. */
export function aliasName(fields: Fields): string {
  const alias = string(fields, "alias");
  atMost(alias, LIMITS.alias, "The alias");
  if (!/^[\w-]+$/.test(alias)) {
    throw invalid(
      `Invalid alias name: '${alias}'. Names may only contain alphanumerics, underscores (_), and dashes (-).`,
    );
  }
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
