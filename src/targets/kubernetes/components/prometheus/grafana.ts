import { createHash } from "node:crypto";
import type { SecretUse } from "../../component.ts";
import type { MonitoringFacts } from "../../facts.ts";
import type { LockEntry } from "../../lock.ts";
import type { KubernetesObject } from "../../object.ts";
import type { BoardFile } from "../../boards/board.ts";
import { DATA_SOURCE } from "../../boards/board.ts";
import { toYaml } from "../../render/yaml.ts";
import { CONFINED } from "../parts/place.ts";
import type { PrometheusOptions } from "./options.ts";
import { MONITORING, PORTS, ownPods } from "./place.ts";

const NAME = "grafana";
const META = { name: NAME, namespace: MONITORING };
const { labels } = ownPods(NAME);
const PROVISIONING = "/etc/grafana/provisioning";
const FOLDERS = ["Platform", "Tenants"] as const;

export interface GrafanaWish {
  options: PrometheusOptions["grafana"];
  domain: string;
  boards: readonly BoardFile[];
  image: LockEntry;
}

/** Boards are files of ConfigMaps: what a person changes in the browser isn't kept. */
export function grafana(wish: GrafanaWish): KubernetesObject[] {
  const { boards } = wish;
  const provisioning = provisioningMap();
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: META, automountServiceAccountToken: false },
    provisioning,
    ...boards.map(boardMap),
    deployment(wish, provisioning),
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { ...META, labels: { ...labels } },
      spec: { selector: { ...labels }, ports: [{ name: "http", port: 80, targetPort: "http" }] },
    },
  ];
}

/** Nobody can sign in without a password: then it isn't led to. */
export function grafanaFacts(
  { admin, host }: PrometheusOptions["grafana"],
  domain: string,
): Pick<MonitoringFacts, "boards"> {
  if (admin === undefined) return {};
  return { boards: { hostname: `${host}.${domain}`, namespace: MONITORING, service: NAME, port: 80 } };
}

export function grafanaSecrets({ grafana: { admin } }: PrometheusOptions): SecretUse[] {
  if (admin === undefined) return [];
  const from = ["components", "prometheus", "grafana", "admin"];
  return [{ namespace: MONITORING, name: admin.secret, keys: [admin.key], made: { how: "given" }, from }];
}

/** One for each board: together, the boards of many tenants are more than a ConfigMap holds. */
function mapName({ name }: BoardFile): string {
  return `grafana-board-${name}`;
}

function boardMap(board: BoardFile): KubernetesObject {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: mapName(board), namespace: MONITORING },
    data: { "board.json": board.json },
  };
}

function provisioningMap(): KubernetesObject {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "grafana-provisioning", namespace: MONITORING },
    data: {
      "datasources.yaml": toYaml({
        apiVersion: 1,
        datasources: [
          {
            name: "Prometheus",
            type: "prometheus",
            uid: DATA_SOURCE,
            access: "proxy",
            url: `http://prometheus-operated.${MONITORING}.svc:${PORTS.prometheus}`,
            isDefault: true,
            editable: false,
            jsonData: { timeInterval: "30s" },
          },
        ],
      }),
      "boards.yaml": toYaml({
        apiVersion: 1,
        providers: FOLDERS.map((folder) => ({
          name: folder,
          folder,
          type: "file",
          allowUiUpdates: false,
          updateIntervalSeconds: 30,
          options: { path: pathOf(folder) },
        })),
      }),
    },
  };
}

function deployment(wish: GrafanaWish, provisioning: KubernetesObject): KubernetesObject {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { ...META, labels: { ...labels } },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: {
        metadata: {
          labels: { ...labels },
          // Data sources are read at the start alone: another one must start it anew.
          annotations: { "slipway.dev/provisioning": digestOf(provisioning["data"]) },
        },
        spec: {
          serviceAccountName: NAME,
          automountServiceAccountToken: false,
          nodeSelector: { "kubernetes.io/os": "linux" },
          securityContext: { runAsUser: 472, runAsGroup: 472, fsGroup: 472 },
          containers: [container(wish)],
          volumes: [
            { name: "data", emptyDir: {} },
            { name: "provisioning", configMap: { name: "grafana-provisioning" } },
            ...FOLDERS.map((folder) => volume(folder, wish.boards)),
          ],
        },
      },
    },
  };
}

type Folder = BoardFile["folder"];

function volumeName(folder: Folder): string {
  return `boards-${folder.toLowerCase()}`;
}

function pathOf(folder: Folder): string {
  return `/var/lib/grafana-boards/${folder.toLowerCase()}`;
}

function volume(folder: Folder, boards: readonly BoardFile[]): object {
  const sources = boards
    .filter((board) => board.folder === folder)
    .map((board) => ({
      configMap: { name: mapName(board), items: [{ key: "board.json", path: `${board.name}.json` }] },
    }));
  return { name: volumeName(folder), projected: { sources } };
}

function container({ image, options, domain }: GrafanaWish): Record<string, unknown> {
  const file = (path: string, key: string) => ({
    name: "provisioning",
    mountPath: `${PROVISIONING}/${path}/${key}`,
    subPath: key,
    readOnly: true,
  });
  return {
    name: NAME,
    image: `${image.source}:${image.version}`,
    env: environment(options, domain),
    ports: [{ name: "http", containerPort: PORTS.grafana }],
    resources: { requests: { cpu: "50m", memory: "192Mi" }, limits: { memory: "512Mi" } },
    securityContext: CONFINED,
    readinessProbe: { httpGet: { path: "/api/health", port: "http" } },
    livenessProbe: {
      httpGet: { path: "/api/health", port: "http" },
      initialDelaySeconds: 60,
      failureThreshold: 6,
    },
    volumeMounts: [
      { name: "data", mountPath: "/var/lib/grafana" },
      file("datasources", "datasources.yaml"),
      file("dashboards", "boards.yaml"),
      ...FOLDERS.map((folder) => ({ name: volumeName(folder), mountPath: pathOf(folder), readOnly: true })),
    ],
  };
}

/** Without a password there is no account at all: admin/admin would be one that everybody knows. */
function environment({ admin, host }: PrometheusOptions["grafana"], domain: string) {
  const plain: Record<string, string> = {
    GF_ANALYTICS_REPORTING_ENABLED: "false",
    GF_ANALYTICS_CHECK_FOR_UPDATES: "false",
    GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES: "false",
    GF_USERS_ALLOW_SIGN_UP: "false",
    GF_PLUGINS_PREINSTALL_DISABLED: "true",
    ...(admin === undefined
      ? {
          GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION: "true",
          GF_AUTH_DISABLE_LOGIN_FORM: "true",
          GF_AUTH_ANONYMOUS_ENABLED: "true",
          GF_AUTH_ANONYMOUS_ORG_ROLE: "Viewer",
        }
      : { GF_SERVER_ROOT_URL: `https://${host}.${domain}/`, GF_SECURITY_COOKIE_SECURE: "true" }),
  };
  const secret =
    admin === undefined
      ? []
      : [
          {
            name: "GF_SECURITY_ADMIN_PASSWORD",
            valueFrom: { secretKeyRef: { name: admin.secret, key: admin.key } },
          },
        ];
  return [...Object.entries(plain).map(([name, value]) => ({ name, value })), ...secret];
}

function digestOf(data: unknown): string {
  return createHash("sha256").update(JSON.stringify(data)).digest("hex").slice(0, 16);
}
