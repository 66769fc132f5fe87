import { invalid } from "../../tracking/wire/errors.ts";
import { messages, optionalEnum, type Fields } from "../../tracking/wire/fields.ts";

const model = { name: "example_model" };
const prompt = { name: "example_prompt" };
const version = "1";
const key = "example_key";
const value = "example_value";
const alias = "example_alias";
const tags = { example_key: "example_value" };

/**
 * MLflow's webhook events (`<entity>.<action>`), each with an example of its data: what `/test` sends, and the
 * shape that emission keeps to.
 */
const EXAMPLES = {
  "registered_model.created": { ...model, tags, description: "An example registered model" },
  "model_version.created": {
    ...model,
    version,
    source: "models:/123",
    run_id: "abcd1234abcd5678",
    tags,
    description: "An example model version",
  },
  "model_version_tag.set": { ...model, version, key, value },
  "model_version_tag.deleted": { ...model, version, key },
  "model_version_alias.created": { ...model, alias, version },
  "model_version_alias.deleted": { ...model, alias },
  "prompt.created": { ...prompt, tags, description: "An example prompt" },
  "prompt_version.created": {
    ...prompt,
    version,
    template: "Hello {{name}}!",
    tags,
    description: "An example prompt version",
  },
  "prompt_tag.set": { ...prompt, key, value },
  "prompt_tag.deleted": { ...prompt, key },
  "prompt_version_tag.set": { ...prompt, version, key, value },
  "prompt_version_tag.deleted": { ...prompt, version, key },
  "prompt_alias.created": { ...prompt, alias, version },
  "prompt_alias.deleted": { ...prompt, alias },
  // Belongs to the AI gateway, which isn't offered: may be subscribed to and tested, never happens.
  "budget_policy.exceeded": {
    budget_policy_id: "bp-abc123",
    budget_unit: "USD",
    budget_amount: 100,
    current_spend: 105.5,
    duration_unit: "MONTHS",
    duration_value: 1,
    target_scope: "ENDPOINT",
    workspace: "default",
    target_value: "ep-abc123",
    window_start: 1_704_067_200_000,
  },
} as const;

export type WebhookEvent = keyof typeof EXAMPLES;

const EVENTS = Object.keys(EXAMPLES) as WebhookEvent[];
const ENTITIES = [...new Set(EVENTS.map((event) => partsOf(event).entity))];
const ACTIONS = ["CREATED", "UPDATED", "DELETED", "SET", "EXCEEDED"];

/** Entity and action as the wire names them: in capitals. */
export function eventMessage(event: string): { entity: string; action: string } {
  return partsOf(event);
}

export function exampleOf(event: WebhookEvent): object {
  return EXAMPLES[event];
}

/** The `events` of a message, each once; refuses a combination that MLflow doesn't know. */
export function eventsOf(fields: Fields): WebhookEvent[] {
  return [...new Set(messages(fields, "events").map(eventOf))];
}

/** A WebhookEvent message, `{entity: "MODEL_VERSION", action: "CREATED"}`. */
export function eventOf(fields: Fields): WebhookEvent {
  const entity = optionalEnum(fields, "entity", ENTITIES) ?? "";
  const action = optionalEnum(fields, "action", ACTIONS) ?? "";
  const found = EVENTS.find((event) => event === `${entity}.${action}`.toLowerCase());
  if (found) return found;
  const valid = EVENTS.map(partsOf).filter((parts) => parts.entity === entity);
  throw invalid(
    `Invalid action '${action.toLowerCase()}' for entity '${entity.toLowerCase()}'. ` +
      `Valid actions are: ${valid.map((parts) => parts.action.toLowerCase()).join(", ")}.`,
  );
}

function partsOf(event: string): { entity: string; action: string } {
  const [entity = "", action = ""] = event.toUpperCase().split(".");
  return { entity, action };
}
