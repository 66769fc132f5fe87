import { z } from "zod";
import { complain } from "../../../spec/fields.ts";
import { objectName, secretKey } from "../../../spec/platform/fields.ts";
import { defineComponent } from "../component.ts";
import type { SecretUse } from "../component.ts";
import type { KubernetesObject } from "../object.ts";
import { namespace, placed } from "./parts/place.ts";
import { families, watch } from "./parts/watch.ts";
import type { Watched } from "./parts/watch.ts";

const NAMESPACE = "cert-manager";
/** The issuer that everything of the platform names, whoever stands behind it. */
const ISSUER = "platform";
const FROM = ["components", "certManager"] as const;

const dns01 = z
  .strictObject({
    cloudflare: z
      .strictObject({ token: secretKey().describe("Token that may edit the zone.") })
      .exactOptional(),
    route53: z
      .strictObject({
        region: z.string().min(1).max(50),
        hostedZone: z.string().min(1).max(50).exactOptional().describe("Id; none: found by the name."),
      })
      .exactOptional()
      .describe("By the workload identity of cert-manager's ServiceAccount."),
    cloudDns: z
      .strictObject({ project: z.string().min(1).max(63) })
      .exactOptional()
      .describe("By the workload identity of cert-manager's ServiceAccount."),
  })
  .superRefine(one("of cloudflare, route53 and cloudDns"));

const issuer = z
  .strictObject({
    selfSigned: z.strictObject({}).exactOptional().describe("An authority of the platform's own."),
    ca: z
      .strictObject({ secret: objectName().describe("Secret with tls.crt and tls.key of the authority.") })
      .exactOptional()
      .describe("An authority that you have, by a Secret in cert-manager's namespace."),
    acme: z
      .strictObject({
        email: z.email().max(200).describe("Told when a certificate is near its end."),
        server: z.url().max(500).default("https://acme-v02.api.letsencrypt.org/directory"),
        // A wildcard, which the gateway answers for every tenant, is never issued by the HTTP challenge.
        dns01: dns01.describe("Who answers for the domain's names."),
      })
      .exactOptional(),
  })
  .superRefine(one("of selfSigned, ca and acme"));

type Issuer = z.output<typeof issuer>;

const options = z.strictObject({
  issuer: issuer.prefault({ selfSigned: {} }).describe("Who signs the platform's certificates."),
  replicas: z
    .int()
    .min(1)
    .max(5)
    .default(1)
    .describe("Of the webhook, which nothing can be changed without."),
});

/** cert-manager with one ClusterIssuer that all others name. Its chart is read; its webhook must answer first. */
export const certManager = defineComponent({
  name: "certManager",
  summary: "cert-manager: certificates, and who signs them.",
  options,
  locked: ["cert-manager"],
  publish: () => ({ certificates: { issuer: { kind: "ClusterIssuer", name: ISSUER } } }),
  render: ({ options, facts }) => {
    const { emits, objects, paths } = watch([CONTROLLER], facts.monitoring);
    return {
      objects: placed(FROM, [namespace(NAMESPACE, "restricted"), ...objects]).concat(
        placed([...FROM, "issuer"], issuers(options.issuer)),
      ),
      charts: [
        {
          row: "cert-manager",
          release: "cert-manager",
          namespace: NAMESPACE,
          values: values(options),
          from: FROM,
        },
      ],
      emits,
      paths: [
        ...paths,
        {
          from: { kind: "apiServer" },
          to: {
            kind: "pods",
            pods: { namespace: NAMESPACE, labels: { "app.kubernetes.io/name": "webhook" } },
          },
          port: 10_250,
          why: "check what is written of certificates",
        },
      ],
      secrets: secretsOf(options.issuer),
      health: [
        ...["cert-manager", "cert-manager-webhook", "cert-manager-cainjector"].map((name) => ({
          apiVersion: "apps/v1",
          kind: "Deployment",
          namespace: NAMESPACE,
          name,
          condition: "rolledOut",
        })),
        { apiVersion: "cert-manager.io/v1", kind: "ClusterIssuer", name: ISSUER, condition: "Ready" },
      ],
    };
  },
});

/** Source: cert-manager's pkg/metrics. */
const CERTIFICATE = "name,namespace,issuer_name,issuer_kind,issuer_group";
const CONTROLLER: Watched = {
  name: "cert-manager",
  pods: {
    namespace: NAMESPACE,
    labels: { "app.kubernetes.io/name": "cert-manager", "app.kubernetes.io/component": "controller" },
  },
  port: "http-metrics",
  number: 9402,
  // `namespace` is the certificate's: whose alert it is.
  honorLabels: true,
  metrics: [
    ...families("gauge", [
      `certmanager_certificate_expiration_timestamp_seconds{${CERTIFICATE}}`,
      `certmanager_certificate_renewal_timestamp_seconds{${CERTIFICATE}}`,
      `certmanager_certificate_ready_status{${CERTIFICATE},condition}`,
    ]),
    ...families("counter", ["certmanager_controller_sync_call_count{controller}"]),
  ],
};

function values({ replicas }: z.output<typeof options>): Record<string, unknown> {
  const resources = (cpu: string, memory: string, limit: string) => ({
    requests: { cpu, memory },
    limits: { memory: limit },
  });
  return {
    crds: { enabled: true, keep: false },
    global: { leaderElection: { namespace: NAMESPACE } },
    // A Job that waits for what apply waits for by itself.
    startupapicheck: { enabled: false },
    resources: resources("20m", "64Mi", "256Mi"),
    webhook: { replicaCount: replicas, resources: resources("10m", "32Mi", "128Mi") },
    cainjector: { resources: resources("20m", "96Mi", "384Mi") },
  };
}

function clusterIssuer(name: string, spec: Record<string, unknown>): KubernetesObject {
  return { apiVersion: "cert-manager.io/v1", kind: "ClusterIssuer", metadata: { name }, spec };
}

/**
 * A ClusterIssuer that signs with itself would make of every certificate an authority of its own, which nobody can
 * trust: it signs the platform's authority, and that signs the rest.
 */
function issuers({ ca, acme }: Issuer): KubernetesObject[] {
  if (ca !== undefined) return [clusterIssuer(ISSUER, { ca: { secretName: ca.secret } })];
  if (acme !== undefined)
    return [
      clusterIssuer(ISSUER, {
        acme: {
          email: acme.email,
          server: acme.server,
          privateKeySecretRef: { name: "platform-acme-account" },
          solvers: [{ dns01: solver(acme.dns01) }],
        },
      }),
    ];
  const authority = "platform-authority";
  return [
    clusterIssuer("platform-root", { selfSigned: {} }),
    {
      apiVersion: "cert-manager.io/v1",
      kind: "Certificate",
      metadata: { name: authority, namespace: NAMESPACE },
      spec: {
        isCA: true,
        commonName: authority,
        secretName: authority,
        duration: "87600h",
        privateKey: { algorithm: "ECDSA", size: 256, rotationPolicy: "Never" },
        issuerRef: { name: "platform-root", kind: "ClusterIssuer", group: "cert-manager.io" },
      },
    },
    clusterIssuer(ISSUER, { ca: { secretName: authority } }),
  ];
}

function solver({ cloudflare, route53, cloudDns }: z.output<typeof dns01>): Record<string, unknown> {
  if (cloudflare !== undefined)
    return {
      cloudflare: { apiTokenSecretRef: { name: cloudflare.token.secret, key: cloudflare.token.key } },
    };
  if (route53 !== undefined) {
    const { region, hostedZone } = route53;
    return { route53: { region, ...(hostedZone === undefined ? {} : { hostedZoneID: hostedZone }) } };
  }
  return { cloudDNS: { project: cloudDns?.project } };
}

function secretsOf({ ca, acme }: Issuer): SecretUse[] {
  const given = { namespace: NAMESPACE, made: { how: "given" } } as const;
  const token = acme?.dns01.cloudflare?.token;
  return [
    ...(ca === undefined
      ? []
      : [{ ...given, name: ca.secret, keys: ["tls.crt", "tls.key"], from: [...FROM, "issuer", "ca"] }]),
    ...(token === undefined
      ? []
      : [{ ...given, name: token.secret, keys: [token.key], from: [...FROM, "issuer", "acme"] }]),
  ];
}

/** Exactly one of the keys. */
function one(allowed: string) {
  return (given: object, ctx: z.RefinementCtx): void => {
    if (Object.keys(given).length !== 1)
      complain(ctx, "names not exactly one", { rule: "one-of", allowed: `one ${allowed}` });
  };
}
