import type { InferenceService } from "../../../spec/platform/platform.ts";

/** The one port of a server: predictions, probes, metrics. */
export function ports({ port }: InferenceService): object[] {
  return [{ name: "http", containerPort: port, protocol: "TCP" }];
}

export function resources({ resources }: InferenceService): object {
  const { cpu, memory, cpuLimit, memoryLimit = memory } = resources;
  return {
    requests: { cpu, memory },
    limits: { ...(cpuLimit === undefined ? {} : { cpu: cpuLimit }), memory: memoryLimit },
  };
}

export function environment({ secrets }: InferenceService): { env?: object[] } {
  const variables = Object.entries(secrets).sort(([a], [b]) => (a < b ? -1 : 1));
  if (variables.length === 0) return {};
  return {
    env: variables.map(([variable, secret]) => ({
      name: variable,
      valueFrom: { secretKeyRef: { ...secret } },
    })),
  };
}

/** Ready is that it predicts; that it runs is asked apart, or a slow model would be started again for ever. */
export function probes({ paths }: InferenceService): object {
  const probe = (path: string) => ({ httpGet: { path, port: "http" } });
  return {
    startupProbe: { ...probe(paths.live), periodSeconds: 5, failureThreshold: 60 },
    livenessProbe: { ...probe(paths.live), periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 3 },
    readinessProbe: { ...probe(paths.ready), periodSeconds: 5, timeoutSeconds: 2, failureThreshold: 2 },
  };
}
