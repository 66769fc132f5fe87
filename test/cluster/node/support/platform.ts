import { randomBytes } from "node:crypto";
import { TOKEN_PREFIX } from "../../../../src/http/credentials.ts";
import { startPostgres } from "../../../support/postgres.ts";
import { startS3 } from "../../../support/s3.ts";
import type { TestCluster } from "../../support/cluster.ts";
import { removeNamespaces } from "../../support/objects.ts";
import { executorAccess } from "./argo.ts";
import { platformObjects, publicService, tenantNamespace } from "./platform-objects.ts";
import { becomes, make } from "./pods.ts";
import { startRelay, type Relay } from "./relay.ts";

/** A platform in the cluster, with its database and its object store on this machine. */
export interface ClusterPlatform {
  namespace: string;
  url: string;
  /** Of its first admin. */
  token: string;
  database: Relay;
  store: Relay;
  remove(): Promise<void>;
}

interface Counted {
  spec: { replicas: number };
  status?: { readyReplicas?: number };
}

/** Installs it and waits until all of its pods are ready. */
export async function startClusterPlatform(
  cluster: TestCluster,
  namespace: string,
  replicas = { control: 2, serve: 2 },
): Promise<ClusterPlatform> {
  const { host } = JSON.parse(process.env["SLIPWAY_TEST_NODE"] ?? "{}") as { host?: string };
  if (host === undefined) throw new Error("SLIPWAY_TEST_NODE says no address of this machine for pods");
  const [postgres, s3] = await Promise.all([startPostgres(), startS3()]);
  const [database, store] = await Promise.all(
    [postgres.url, s3.endpoint].map((url) => startRelay(host, Number(new URL(url).port))),
  );
  if (database === undefined || store === undefined) throw new Error("no relay");
  const token = TOKEN_PREFIX + randomBytes(24).toString("hex");
  const tenant = tenantNamespace(namespace);
  const remove = async (): Promise<void> => {
    await removeNamespaces(cluster, [tenant, namespace]);
    await Promise.all([database.close(), store.close()]);
    await Promise.all([postgres.stop(), s3.close()]);
  };
  try {
    const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
    for (const name of [namespace, tenant])
      await make(cluster, { apiVersion: "v1", kind: "Namespace", metadata: { name, labels } });
    await make(cluster, publicService(namespace), ...executorAccess(tenant, "pipeline"));
    const service = await cluster.get<{ spec: { clusterIP: string } }>(
      `/api/v1/namespaces/${namespace}/services/slipway`,
    );
    const address = service?.spec.clusterIP ?? "";
    const stored = new URL(postgres.url);
    stored.host = `${host}:${database.port}`;
    // Beyond loopback the platform asks for TLS, which a test's server doesn't have.
    stored.searchParams.set("sslmode", "disable");
    await make(
      cluster,
      ...platformObjects({
        namespace,
        hosts: [address, `slipway.${namespace}.svc`].join(","),
        replicas,
        secret: { SLIPWAY_INTERNAL_TOKEN: randomBytes(32).toString("hex"), SLIPWAY_ADMIN_TOKEN: token },
        store: {
          SLIPWAY_STORE: stored.href,
          SLIPWAY_ARTIFACTS: "s3://slipway-test/artifacts",
          SLIPWAY_GIT_MIRROR: "s3://slipway-test/git",
          SLIPWAY_ARTIFACTS_ENDPOINT: `http://${host}:${store.port}`,
          SLIPWAY_ARTIFACTS_REGION: "us-east-1",
          SLIPWAY_ARTIFACTS_PROXIED: "true",
          AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId,
          AWS_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
        },
      }),
    );
    const apps = `/apis/apps/v1/namespaces/${namespace}`;
    for (const path of [`${apps}/statefulsets/control`, `${apps}/deployments/serve`])
      await becomes<Counted>(cluster, path, ({ spec, status }) => status?.readyReplicas === spec.replicas);
    return { namespace, url: `http://${address}:4600`, token, database, store, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}
