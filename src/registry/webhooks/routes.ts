import type { Clock } from "../../base/clock.ts";
import type { Ids } from "../../base/ids.ts";
import { toSlipwayError } from "../../http/errors.ts";
import type { Database } from "../../store/database.ts";
import { invalid } from "../../tracking/wire/errors.ts";
import {
  messages,
  optionalEnum,
  optionalInt64,
  optionalMessage,
  optionalString,
  string,
  type Fields,
} from "../../tracking/wire/fields.ts";
import { atMost } from "../../tracking/wire/limits.ts";
import type { MlflowCall, MlflowRoute } from "../../tracking/wire/routes.ts";
import { createWebhook, deleteWebhook, updateWebhook } from "./commands.ts";
import { payloadOf } from "./emit.ts";
import { eventOf, eventsOf, exampleOf, type WebhookEvent } from "./events.ts";
import { listWebhooks, webhookEvents, webhookMessages, webhookRow } from "./queries.ts";
import { postSigned } from "./request.ts";
import type { SecretBox } from "./secrets.ts";
import type { Post } from "./send.ts";
import type { WebhookSettings } from "./settings.ts";
import { deliveryId } from "./signature.ts";
import { checkTarget, parseTarget, type Resolve } from "./target.ts";

export interface WebhookRouteDeps {
  db: Database;
  clock: Clock;
  ids: Ids;
  settings: WebhookSettings;
  box: SecretBox;
  resolve: Resolve;
  post: Post;
}

const STATUSES = ["ACTIVE", "DISABLED"] as const;
const MAX_DESCRIPTION = 1000;
const MAX_SECRET = 1000;
/** Tests under way at one time: each may wait for a receiver until the deadline. */
const MAX_TESTS = 4;

/** MLflow's webhooks: who is told of what happens in the registry. */
export function webhookRoutes(deps: WebhookRouteDeps): MlflowRoute[] {
  const { db, clock, ids, settings, box } = deps;
  let tests = 0;

  const get = (workspace: string, id: string): Promise<object> =>
    db.read(async (tx) => {
      const [webhook] = await webhookMessages(tx, [await webhookRow(tx, workspace, id)]);
      return { webhook };
    });

  async function create({ fields, workspace }: MlflowCall): Promise<object> {
    const id = ids.hex();
    const events = eventsOf(fields);
    if (events.length === 0)
      throw invalid("Webhook events must be a non-empty list of WebhookEvent objects.");
    await db.write(createWebhook, {
      workspace,
      id,
      name: webhookName(string(fields, "name")),
      url: await target(string(fields, "url")),
      events,
      description: description(fields) || null,
      secret: sealed(optionalString(fields, "secret")) ?? null,
      status: optionalEnum(fields, "status", STATUSES) ?? "ACTIVE",
      now: clock.now(),
    });
    return get(workspace, id);
  }

  async function update({ fields, workspace, params }: MlflowCall): Promise<object> {
    const id = params["id"] ?? "";
    const [name, url] = [optionalString(fields, "name"), optionalString(fields, "url")];
    const text = description(fields);
    const secret = sealed(optionalString(fields, "secret"));
    const status = optionalEnum(fields, "status", STATUSES);
    const events = messages(fields, "events").length === 0 ? undefined : eventsOf(fields);
    const changes = {
      ...(name ? { name: webhookName(name) } : {}),
      ...(url ? { url: await target(url) } : {}),
      ...(text === undefined ? {} : { description: text }),
      ...(secret === undefined ? {} : { secret }),
      ...(status === undefined ? {} : { status }),
      ...(events === undefined ? {} : { events }),
    };
    await db.write(updateWebhook, { workspace, id, changes, now: clock.now() });
    return get(workspace, id);
  }

  async function remove({ workspace, params }: MlflowCall): Promise<object> {
    await db.write(deleteWebhook, { workspace, id: params["id"] ?? "" });
    return {};
  }

  /** Sends an example once and tells what came back; a receiver's failure is a result, not an error. */
  async function test({ fields, workspace, params }: MlflowCall): Promise<object> {
    const id = params["id"] ?? "";
    const given = optionalMessage(fields, "event");
    const { row, events } = await db.read(async (tx) => ({
      row: await webhookRow(tx, workspace, id),
      events: await webhookEvents(tx, id),
    }));
    const event = given ? eventOf(given) : ((events[0] ?? "registered_model.created") as WebhookEvent);
    if (tests >= MAX_TESTS) return failed("too many webhooks are tested at this time; try again");
    tests++;
    try {
      const now = clock.now();
      const answer = await postSigned(deps.post, box, {
        url: parseTarget(row.url, settings),
        deliveryId: deliveryId(ids.hex(), 0),
        payload: payloadOf({ workspace, event, data: exampleOf(event), now }),
        secret: row.secret,
        now,
      });
      return {
        result: {
          success: answer.status >= 200 && answer.status < 300,
          response_status: answer.status,
          response_body: answer.body,
        },
      };
    } catch (error) {
      return failed(toSlipwayError(error).message);
    } finally {
      tests--;
    }
  }

  async function target(text: string): Promise<string> {
    await checkTarget(parseTarget(text, settings), settings, deps.resolve);
    return text;
  }

  /** Undefined: not given; an empty one takes the secret away. */
  function sealed(secret: string | undefined): string | null | undefined {
    if (secret === undefined) return undefined;
    atMost(secret, MAX_SECRET, "The webhook's secret");
    return secret === "" ? null : box.seal(secret);
  }

  const path = "webhooks";
  const one = `${path}/:id`;
  return [
    { method: "POST", path, access: "admin", handle: create },
    {
      method: "GET",
      path,
      // A webhook's URL may hold a token of its receiver.
      access: "admin",
      handle: ({ fields, workspace }) =>
        db.read((tx) =>
          listWebhooks(tx, {
            workspace,
            limit: pageSize(fields),
            pageToken: optionalString(fields, "page_token") || undefined,
          }),
        ),
    },
    {
      method: "GET",
      path: one,
      access: "admin",
      handle: ({ workspace, params }) => get(workspace, params["id"] ?? ""),
    },
    { method: "PATCH", path: one, access: "admin", handle: update },
    { method: "DELETE", path: one, access: "admin", handle: remove },
    { method: "POST", path: `${one}/test`, access: "admin", handle: test },
  ];
}

function failed(message: string): object {
  return { result: { success: false, error_message: `Failed to test webhook: ${message}` } };
}

/** 0 is the default, as in protocol buffers. */
function pageSize(fields: Fields): number {
  const limit = Number(optionalInt64(fields, "max_results") ?? 0) || 100;
  if (limit < 1 || limit > 1000) throw invalid("max_results must be between 1 and 1000.");
  return limit;
}

function webhookName(name: string): string {
  if (/^(?=.{1,63}$)[a-z0-9]([a-z0-9._-]*[a-z0-9])?$/i.test(name)) return name;
  throw invalid(
    `Webhook name '${name.slice(0, 100)}' is invalid. It must start and end with a letter or digit, be less than 63 ` +
      "characters long, and contain only letters, digits, dots (.), underscores (_), and hyphens (-).",
  );
}

function description(fields: Fields): string | undefined {
  const text = optionalString(fields, "description");
  if (text !== undefined) atMost(text, MAX_DESCRIPTION, "The webhook's description");
  return text;
}
