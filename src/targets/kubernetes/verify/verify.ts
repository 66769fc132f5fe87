import type { Clock } from "../../../base/clock.ts";
import type { Ids } from "../../../base/ids.ts";
import type { ClusterClient } from "../cluster/client.ts";
import type { Rendered } from "../render/rendered.ts";
import { statusOf } from "../status/status.ts";
import { checkAlerts } from "./alerts.ts";
import { checkCertificates } from "./certificates.ts";
import { failed, passed } from "./checks.ts";
import type { Check } from "./checks.ts";
import { checkIsolation } from "./isolation.ts";

interface VerifyDeps {
  client: ClusterClient;
  clock: Clock;
  ids: Ids;
}

interface VerifyOptions {
  /** Runs hostile pods of each tenant against the others. */
  isolation: boolean;
  timeoutMs: number;
}

/** The live checks of a platform: health, certificates, alerts, and isolation where it is asked for. */
export async function verifyPlatform(
  rendered: Rendered,
  { isolation, timeoutMs }: VerifyOptions,
  { client, clock, ids }: VerifyDeps,
): Promise<Check[]> {
  const { parts, state } = await statusOf(client, rendered);
  const health = parts.flatMap(({ part, checks, unready }): Check[] =>
    unready.length === 0
      ? [passed(`health of ${part}`, `${checks} of ${checks} ready`)]
      : unready.map(({ key, why }) => failed(`health of ${part}`, `${key}: ${why}`)),
  );
  const namespaces = new Set(rendered.objects.flatMap(({ object }) => object.metadata.namespace ?? []));
  return [
    ...(state === "applied" ? [] : [failed("apply", "it didn't end", "Run `slipway platform apply` again.")]),
    ...health,
    ...(await checkCertificates(client, namespaces, clock.now())),
    ...(await checkAlerts(client)),
    ...(isolation ? await checkIsolation(rendered, { client, clock, ids, timeoutMs }) : []),
  ];
}
