import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TOKEN_PREFIX } from "../../../../src/http/credentials.ts";
import { startPostgres } from "../../../support/postgres.ts";
import { startS3 } from "../../../support/s3.ts";
import type { TestCluster } from "../../support/cluster.ts";
import { slipway, slipwayJson, type Ran } from "../../support/command.ts";
import { TRAEFIK } from "../../../../src/targets/kubernetes/components/gateway/traefik.ts";
import { haveGatewayIn } from "./gateway.ts";
import { removeNamespaces } from "../../support/objects.ts";
import { platformFile, type PlatformChoice } from "./platform-file.ts";
import { door, givenObjects, tenantNamespace } from "./platform-objects.ts";
import { becomes, make, testImage } from "./pods.ts";
import { hostAddress } from "./node.ts";
import { startRelay, type Relay } from "./relay.ts";

/** A platform in the cluster, as `slipway platform apply` makes it, with its database and object store on this machine. */
export interface ClusterPlatform {
  namespace: string;
  url: string;
  /** Of its first admin. */
  token: string;
  database: Relay;
  store: Relay;
  /** Runs `slipway platform …` with its file. */
  run(...args: string[]): Promise<Ran>;
  /** The same for its JSON; throws when it ended otherwise than with 0. */
  json<Answer>(...args: string[]): Promise<Answer>;
  /** Writes its file anew, for the next command. */
  change(change: Partial<PlatformChoice>): void;
  /** Waits until all of its pods are ready. */
  ready(): Promise<void>;
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
  more: Pick<PlatformChoice, "hasArgoCd" | "hasGateway" | "tenants"> = {},
): Promise<ClusterPlatform> {
  const host = hostAddress();
  const [postgres, s3] = await Promise.all([startPostgres(), startS3()]);
  const [database, store] = await Promise.all(
    [postgres.url, s3.endpoint].map((url) => startRelay(host, Number(new URL(url).port))),
  );
  if (database === undefined || store === undefined) throw new Error("no relay");
  const folder = mkdtempSync(join(tmpdir(), "slipway-platform-"));
  const file = join(folder, "platform.yaml");
  const command = (args: readonly string[]): string[] => ["platform", ...args, "-f", file];
  const remove = async (): Promise<void> => {
    const tenants = (more.tenants ?? []).map(({ name }) => name);
    const made = [...tenants, tenantNamespace(namespace), ...(more.hasGateway ? [TRAEFIK.namespace] : [])];
    await removeNamespaces(cluster, [...made, namespace]);
    await Promise.all([database.close(), store.close()]);
    await Promise.all([postgres.stop(), s3.close()]);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const token = TOKEN_PREFIX + randomBytes(24).toString("hex");
    const stored = new URL(postgres.url);
    stored.host = `${host}:${database.port}`;
    // Beyond loopback the platform asks for TLS, which a test's server doesn't have.
    stored.searchParams.set("sslmode", "disable");
    const secrets = {
      "slipway-internal": { token: randomBytes(32).toString("hex") },
      "slipway-admin": { token },
      database: { url: stored.href },
      objects: { ...s3.credentials },
    };
    await make(cluster, ...givenObjects(namespace, secrets), door(namespace));
    const url = `http://${await addressOf(cluster, namespace)}:4600`;
    const version = await cluster.get<{ major: string; minor: string }>("/version");
    let choice: PlatformChoice = {
      ...more,
      namespace,
      image: testImage(),
      url,
      host,
      databasePort: database.port,
      storePort: store.port,
      replicas,
      secrets,
      kubernetes: `${version?.major}.${parseInt(version?.minor ?? "", 10)}`,
    };
    const platform: ClusterPlatform = {
      namespace,
      url,
      token,
      database,
      store,
      run: (...args) => slipway(cluster.kubeconfig, command(args)),
      json: (...args) => slipwayJson(cluster.kubeconfig, command(args)),
      change(change) {
        choice = { ...choice, ...change };
        writeFileSync(file, platformFile(choice));
      },
      ready: () => ready(cluster, choice),
      remove,
    };
    if (more.hasGateway) haveGatewayIn(folder);
    platform.change({});
    await platform.json("apply");
    await platform.ready();
    return platform;
  } catch (error) {
    await remove();
    throw error;
  }
}

async function addressOf(cluster: TestCluster, namespace: string): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/services/door`;
  const service = await cluster.get<{ spec: { clusterIP: string } }>(path);
  return service?.spec.clusterIP ?? "";
}

async function ready(cluster: TestCluster, { namespace, replicas }: PlatformChoice): Promise<void> {
  const apps = `/apis/apps/v1/namespaces/${namespace}`;
  for (const [path, wanted] of [
    [`${apps}/statefulsets/control`, replicas.control],
    [`${apps}/deployments/serve`, replicas.serve],
  ] as const)
    await becomes<Counted>(
      cluster,
      path,
      ({ spec, status }) => spec.replicas === wanted && status?.readyReplicas === wanted,
    );
}
