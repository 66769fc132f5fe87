import type { SecretUse } from "../../component.ts";
import type { LockEntry } from "../../lock.ts";
import type { KubernetesObject } from "../../object.ts";
import { receiverOf } from "../parts/receiver.ts";
import { families } from "../parts/watch.ts";
import type { Watched } from "../parts/watch.ts";
import type { PrometheusOptions } from "./options.ts";
import { API, CONFIG_API, MONITORING, NAME, PORTS, operatedPods, pickedUpBy } from "./place.ts";
import { UNPRIVILEGED } from "./server.ts";

const ACCOUNT = { namespace: MONITORING, name: "alertmanager" };
const FROM = ["components", "prometheus"] as const;

/** Source: notify and cluster of Alertmanager. */
export const ALERTMANAGER_WATCHED: Watched = {
  name: "alertmanager",
  pods: operatedPods("alertmanager"),
  port: "web",
  number: PORTS.alertmanager,
  metrics: [
    ...families("gauge", ["alertmanager_alerts{state}", "alertmanager_cluster_members"]),
    ...families("counter", [
      "alertmanager_notifications_total{integration}",
      "alertmanager_notifications_failed_total{integration,reason}",
    ]),
  ],
};

/**
 * Who tells whom. The platform's own AlertmanagerConfig is the root; those of tenants, picked up by label, take the
 * alerts whose label `namespace` is theirs (the operator adds that matcher), and these then go nowhere else.
 */
export function alertmanager(
  platform: string,
  options: PrometheusOptions,
  image: LockEntry,
): KubernetesObject[] {
  const { smtp, receiver } = options;
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { ...ACCOUNT } },
    {
      apiVersion: API,
      kind: "Alertmanager",
      metadata: { name: NAME, namespace: MONITORING },
      spec: {
        version: image.version,
        image: `${image.source}:${image.version}`,
        replicas: options.alertmanagers,
        serviceAccountName: ACCOUNT.name,
        retention: "120h",
        resources: { requests: { cpu: "20m", memory: "64Mi" }, limits: { memory: "256Mi" } },
        securityContext: UNPRIVILEGED,
        alertmanagerConfiguration: {
          name: NAME,
          ...(smtp === undefined ? {} : { global: { smtp: smtpOf(smtp) } }),
        },
        alertmanagerConfigSelector: { matchLabels: pickedUpBy(platform) },
        alertmanagerConfigNamespaceSelector: {},
        alertmanagerConfigMatcherStrategy: { type: "OnNamespace" },
      },
    },
    {
      apiVersion: CONFIG_API,
      kind: "AlertmanagerConfig",
      metadata: { name: NAME, namespace: MONITORING },
      spec: {
        route: {
          receiver: "platform",
          groupBy: ["alertname", "namespace"],
          groupWait: "30s",
          groupInterval: "5m",
          repeatInterval: "4h",
          // Fires always; it is for whoever listens for its silence.
          routes: [
            { receiver: "nobody", matchers: [{ name: "alertname", matchType: "=", value: "Watchdog" }] },
          ],
        },
        receivers: [receiverOf("platform", receiver), { name: "nobody" }],
      },
    },
  ];
}

/** Secrets with addresses and passwords, which people make. */
export function alertSecrets({ receiver, smtp }: PrometheusOptions): SecretUse[] {
  const given = { namespace: MONITORING, made: { how: "given" } } as const;
  return [
    ...(receiver === undefined || receiver.kind === "email"
      ? []
      : [{ ...given, name: receiver.secret.name, keys: [receiver.secret.key], from: [...FROM, "receiver"] }]),
    ...(smtp?.password === undefined
      ? []
      : [{ ...given, name: smtp.password.secret, keys: [smtp.password.key], from: [...FROM, "smtp"] }]),
  ];
}

function smtpOf({ host, port, from, user, password }: NonNullable<PrometheusOptions["smtp"]>) {
  return {
    from,
    smartHost: { host, port: String(port) },
    ...(user === undefined ? {} : { authUsername: user }),
    ...(password === undefined ? {} : { authPassword: { name: password.secret, key: password.key } }),
  };
}
