import type { Path } from "../../../spec/issue.ts";
import type { AlertReceiver, InferenceService, Tenant } from "../../../spec/platform/platform.ts";
import type { SecretUse } from "../component.ts";

/**
 * Keys of the store where the tenant's models lie, of a user that may read these alone. KServe reads the store's address
 * off the Secret's annotations `serving.kserve.io/s3-endpoint` and `s3-region`.
 */
export const MODELS_SECRET = "models";

/** Whether KServe loads its model out of an S3 store. */
export function readsStore({ model }: InferenceService): boolean {
  return model?.uri.startsWith("s3://") === true;
}

/** Secrets that the tenant's objects name; a person makes each of them before. */
export function secretsOf({ name: namespace, services, alerts }: Tenant, from: Path): SecretUse[] {
  const use = (name: string, keys: readonly string[], at: Path): SecretUse => ({
    namespace,
    name,
    keys,
    made: { how: "given" },
    from: [...from, ...at],
  });
  const models = services.findIndex(readsStore);
  const address = alerts.receiver === undefined ? undefined : addressOf(alerts.receiver);
  return [
    ...services.flatMap(({ secrets }, index) =>
      Object.entries(secrets).map(([variable, { name, key }]) =>
        use(name, [key], ["services", index, "secrets", variable]),
      ),
    ),
    ...(models === -1
      ? []
      : [
          use(
            MODELS_SECRET,
            ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"],
            ["services", models, "model", "uri"],
          ),
        ]),
    ...(address === undefined ? [] : [use(address.name, [address.key], ["alerts", "receiver"])]),
  ];
}

function addressOf(receiver: AlertReceiver): { name: string; key: string } | undefined {
  return receiver.kind === "email" ? undefined : receiver.secret;
}
