import { z } from "zod";
import { SlipwayError } from "../../../http/errors.ts";
import { complain } from "../../../spec/fields.ts";
import { cidr, cpuQuantity, memoryQuantity, objectName, secretKey } from "../../../spec/platform/fields.ts";
import { defineComponent } from "../component.ts";
import type { ComponentContext, ComponentOutput, NetworkPath } from "../component.ts";
import type { ObjectStoreFacts } from "../facts.ts";
import type { KubernetesObject } from "../object.ts";
import { namespace, placed } from "./parts/place.ts";
import { families, watch } from "./parts/watch.ts";
import type { Watched } from "./parts/watch.ts";

const FROM = ["components", "postgresql"] as const;
const API = "postgresql.cnpg.io/v1";
const OPERATOR = "cnpg-system";
const OPERATOR_LABELS = { "app.kubernetes.io/name": "cloudnative-pg" };
/** The Cluster; its operator makes the Secret `<name>-app` with the URL, and the Service `<name>-rw`. */
const CLUSTER = "slipway-db";
const PORT = 5432;

const backups = z.strictObject({
  schedule: z
    .string()
    .regex(/^\S+( \S+){5}$/, "isn't a schedule of six fields, with seconds first")
    .default("0 0 2 * * *")
    .describe("Six fields, seconds first: when the base is copied. The log of changes is copied always."),
  keep: z
    .string()
    .regex(/^[1-9]\d{0,2}[dwm]$/, "isn't such as 30d")
    .default("30d")
    .describe("How far back it can be restored to."),
});

const cloudNativePg = z.strictObject({
  instances: z.int().min(1).max(9).default(2).describe("One writes; the others follow and take over."),
  storage: memoryQuantity().prefault("20Gi").describe("Of each instance."),
  storageClass: objectName().exactOptional().describe("None: the cluster's default."),
  cpu: cpuQuantity().prefault("500m"),
  memory: memoryQuantity().prefault("1Gi"),
  backups: backups.exactOptional().describe("Into the object store, which must be a component."),
});

const options = z
  .strictObject({
    url: secretKey()
      .exactOptional()
      .describe("A database that you have: a key of a Secret, a postgres:// address."),
    network: cidr().default("0.0.0.0/0").describe("With url: addresses that policies open towards it."),
    port: z.int().min(1).max(65_535).default(PORT).describe("With url: its port."),
    cloudNativePg: cloudNativePg.exactOptional().describe("One that CloudNativePG runs in this cluster."),
  })
  .superRefine(({ url, cloudNativePg }, ctx) => {
    if ((url === undefined) === (cloudNativePg === undefined))
      complain(ctx, "says not which database", { rule: "one-of", allowed: "url, or cloudNativePg" });
  });

type Options = z.output<typeof options>;
type Managed = z.output<typeof cloudNativePg>;

/** PostgreSQL: one that is there, by its address in a Secret, or a Cluster of CloudNativePG with backups. */
export const postgresql = defineComponent({
  name: "postgresql",
  summary: "PostgreSQL: yours by its address, or one that CloudNativePG runs.",
  options,
  locked: ["cloudnative-pg", "cloudnative-pg-postgresql"],
  publish: ({ options: { url, network, port }, platform }) => {
    if (url !== undefined)
      return {
        database: {
          url: { name: url.secret, key: url.key },
          namespace: platform.namespace,
          endpoint: { kind: "outside", cidr: network },
          port,
        },
      };
    return {
      database: {
        url: { name: `${CLUSTER}-app`, key: "uri" },
        namespace: platform.namespace,
        endpoint: { kind: "pods", pods: podsIn(platform.namespace) },
        port: PORT,
      },
    };
  },
  render: (context) => {
    const { url, cloudNativePg } = context.options;
    if (cloudNativePg !== undefined) return managed(context, cloudNativePg);
    return { objects: [], secrets: url === undefined ? [] : [given(context.platform.namespace, url)] };
  },
});

function given(namespace: string, { secret, key }: { secret: string; key: string }) {
  return { namespace, name: secret, keys: [key], made: { how: "given" }, from: [...FROM, "url"] } as const;
}

function podsIn(namespace: string) {
  return { namespace, labels: { "cnpg.io/cluster": CLUSTER } };
}

function managed(context: ComponentContext<Options>, wanted: Managed): ComponentOutput {
  const { platform, facts, locked } = context;
  if (wanted.backups !== undefined && facts.objectStore === undefined)
    throw new SlipwayError(
      "PLATFORM_FILE_INVALID",
      "postgresql has backups, and there is no object store for them",
      {
        given: "components.postgresql.cloudNativePg.backups",
        allowed: "components.objectStore beside it, or no backups",
      },
    );
  const home = platform.namespace;
  const image = locked("cloudnative-pg-postgresql");
  const { emits, paths, objects } = watch([watched(home)], facts.monitoring);
  return {
    objects: placed(
      [...FROM, "cloudNativePg"],
      [
        namespace(OPERATOR, "restricted"),
        cluster(home, wanted, `${image.source}:${image.version}`, facts.objectStore),
        ...(wanted.backups === undefined ? [] : [scheduledBackup(home, wanted.backups.schedule)]),
        ...objects,
      ],
    ),
    charts: [
      {
        row: "cloudnative-pg",
        release: "cnpg",
        namespace: OPERATOR,
        values: { without: [`Namespace/${OPERATOR}`] },
        from: FROM,
      },
    ],
    emits,
    paths: [...paths, ...ownPaths(home, facts.objectStore)],
    secrets: [
      {
        namespace: home,
        name: `${CLUSTER}-app`,
        keys: ["uri"],
        made: { how: "controller", by: "CloudNativePG" },
        from: FROM,
      },
    ],
    health: [
      {
        apiVersion: "apps/v1",
        kind: "Deployment",
        namespace: OPERATOR,
        name: "cnpg-controller-manager",
        condition: "rolledOut",
      },
      { apiVersion: API, kind: "Cluster", namespace: home, name: CLUSTER, condition: "Ready" },
    ],
  };
}

/** The operator asks instances how they are and is asked by the API server; instances ask one another. */
function ownPaths(home: string, store: ObjectStoreFacts | undefined): NetworkPath[] {
  const operator = { kind: "pods", pods: { namespace: OPERATOR, labels: OPERATOR_LABELS } } as const;
  const instances = { kind: "pods", pods: podsIn(home) } as const;
  return [
    { from: operator, to: instances, port: 8000, why: "know how instances are" },
    { from: operator, to: instances, port: PORT, why: "set the database up" },
    { from: instances, to: instances, port: PORT, why: "follow the one that writes" },
    { from: instances, to: { kind: "apiServer" }, port: 443, why: "know which one writes" },
    { from: { kind: "apiServer" }, to: operator, port: 9443, why: "check what is written of clusters" },
    ...(store === undefined
      ? []
      : [{ from: instances, to: store.network, port: store.port, why: "write backups" }]),
  ];
}

function cluster(
  home: string,
  wanted: Managed,
  imageName: string,
  store: ObjectStoreFacts | undefined,
): KubernetesObject {
  const { instances, storage, storageClass, cpu, memory, backups } = wanted;
  return {
    apiVersion: API,
    kind: "Cluster",
    metadata: { name: CLUSTER, namespace: home },
    spec: {
      instances,
      imageName,
      // Nothing that was acknowledged is lost with the one that writes.
      ...(instances > 2 ? { postgresql: { synchronous: { method: "any", number: 1 } } } : {}),
      bootstrap: { initdb: { database: "slipway", owner: "slipway" } },
      storage: { size: storage, ...(storageClass === undefined ? {} : { storageClass }) },
      resources: { requests: { cpu, memory }, limits: { memory } },
      ...(backups === undefined || store === undefined ? {} : { backup: backup(backups.keep, store) }),
    },
  };
}

function backup(retentionPolicy: string, store: ObjectStoreFacts): Record<string, unknown> {
  const { endpoint, bucket, accessKeyId, secretAccessKey } = store;
  return {
    retentionPolicy,
    barmanObjectStore: {
      destinationPath: `s3://${bucket}/postgresql`,
      endpointURL: endpoint,
      s3Credentials: { accessKeyId: { ...accessKeyId }, secretAccessKey: { ...secretAccessKey } },
      wal: { compression: "gzip" },
      data: { compression: "gzip" },
    },
  };
}

function scheduledBackup(home: string, schedule: string): KubernetesObject {
  return {
    apiVersion: API,
    kind: "ScheduledBackup",
    metadata: { name: CLUSTER, namespace: home },
    spec: { schedule, backupOwnerReference: "self", cluster: { name: CLUSTER } },
  };
}

/** Source: config/manager/default-monitoring.yaml and pkg/management/postgres/webserver/metricserver of CloudNativePG. */
function watched(home: string): Watched {
  return {
    name: CLUSTER,
    pods: podsIn(home),
    port: "metrics",
    number: 9187,
    metrics: [
      ...families("gauge", [
        "cnpg_collector_up{cluster}",
        "cnpg_collector_last_collection_error",
        "cnpg_collector_last_available_backup_timestamp",
        "cnpg_collector_last_failed_backup_timestamp",
        "cnpg_pg_replication_lag",
        "cnpg_pg_database_size_bytes{datname}",
        "cnpg_backends_total{datname,usename,application_name,state}",
      ]),
    ],
  };
}
