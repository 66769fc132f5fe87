/** Components that the file will take and that aren't built: refused by name. A row leaves in the change that builds it. */
const COMPONENTS: Readonly<Record<string, string>> = {
  kafka: "Kafka",
  spark: "Spark",
  flink: "Flink",
  airflow: "Airflow",
  loki: "logs",
  logs: "logs",
  tempo: "traces",
  keda: "KEDA",
  kueue: "queues",
  trainer: "distributed training",
  externalSecrets: "External Secrets",
  kyverno: "policies by Kyverno",
  velero: "backups by Velero",
  valkey: "Valkey",
  knative: "Knative",
  istio: "a service mesh",
};

/** What a key that isn't built would do; undefined for any other key. */
export function platformNotBuilt(path: readonly (string | number)[]): string | undefined {
  const [first, name, ...more] = path;
  if (first === "cloud") return "a cloud's own resources";
  if (first !== "components" || typeof name !== "string" || more.length > 0) return undefined;
  return Object.hasOwn(COMPONENTS, name) ? COMPONENTS[name] : undefined;
}
