import type { Path } from "../../../../spec/issue.ts";
import type { SecretUse } from "../../component.ts";

/**
 * Of which every token is made that our processes and pods show each other: at least 32 random characters, in control and
 * serve alone.
 */
export const INTERNAL = { name: "slipway-internal", key: "token" };
/** The token of the platform's first admin, who makes all others: `slipway_` and at least 32 random characters. */
export const ADMIN = { name: "slipway-admin", key: "token" };

/** A person makes both before the platform is applied. */
export function ownSecrets(namespace: string, from: Path): SecretUse[] {
  return [INTERNAL, ADMIN].map(({ name, key }) => ({
    namespace,
    name,
    keys: [key],
    made: { how: "given" },
    from,
  }));
}

export function secretVariable(name: string, { name: holder, key }: { name: string; key: string }): object {
  return { name, valueFrom: { secretKeyRef: { name: holder, key } } };
}
