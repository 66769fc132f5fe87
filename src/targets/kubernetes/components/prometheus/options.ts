import { z } from "zod";
import { label } from "../../../../spec/fields.ts";
import { cpuQuantity, memoryQuantity, objectName, secretKey } from "../../../../spec/platform/fields.ts";
import { alertReceiver } from "../../../../spec/platform/tenant-schema.ts";

const smtp = z.strictObject({
  host: z.string().min(1).max(253).describe("The mail server."),
  port: z.int().min(1).max(65_535).default(587),
  from: z.email().describe("Who the mails are from."),
  user: z.string().min(1).max(200).exactOptional().describe("With a password; none: no login."),
  password: secretKey().exactOptional().describe("Key of a Secret in the namespace `monitoring`."),
});

const grafana = z.strictObject({
  host: label().default("grafana").describe("Its name below the domain, where somebody can sign in."),
  admin: secretKey()
    .exactOptional()
    .describe(
      "Key of a Secret in the namespace `monitoring`: the password of `admin`, and a route to it. None: no accounts and no route, boards to look at from inside of the cluster.",
    ),
});

const resources = (cpu: string, memory: string) =>
  z.strictObject({ cpu: cpuQuantity().prefault(cpu), memory: memoryQuantity().default(memory) }).prefault({});

export const prometheusOptions = z.strictObject({
  replicas: z.int().min(1).max(2).default(1).describe("Two scrape and alert on their own; mails come once."),
  retention: z
    .string()
    .regex(/^[1-9]\d{0,3}[hdwy]$/, "isn't such as 15d")
    .default("15d")
    .describe("How long samples are kept; less when the volume would be full before."),
  storage: memoryQuantity().default("50Gi").describe("Volume of each Prometheus."),
  storageClass: objectName().exactOptional().describe("None: the cluster's default."),
  resources: resources("500m", "2Gi").describe("Of each Prometheus."),
  alertmanagers: z
    .int()
    .min(1)
    .max(5)
    .default(2)
    .describe("They know of one another what is sent and silenced."),
  receiver: alertReceiver
    .exactOptional()
    .describe(
      "Where alerts go that no tenant takes: Secrets lie in the namespace `monitoring`. None: to nobody.",
    ),
  smtp: smtp.exactOptional().describe("The mail server of all receivers by email."),
  grafana: grafana.prefault({}).describe("Boards."),
  verifyKubelets: z
    .boolean()
    .default(false)
    .describe(
      "Whether kubelets have certificates of the cluster's authority; most clusters' sign their own.",
    ),
});

export type PrometheusOptions = z.output<typeof prometheusOptions>;
