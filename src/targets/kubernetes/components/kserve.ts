import { z } from "zod";
import { defineComponent } from "../component.ts";
import type { ChartUse } from "../component.ts";
import type { GatewayFacts } from "../facts.ts";
import { namespace, placed } from "./parts/place.ts";
import { watch } from "./parts/watch.ts";

const FROM = ["components", "kserve"] as const;
const NAMESPACE = "kserve";
const LABELS = { "control-plane": "kserve-controller-manager" };

const options = z.strictObject({
  runtimes: z.boolean().default(true).describe("KServe's own runtimes for models without an image."),
});

/**
 * KServe in Standard mode: it makes Deployments, Services and autoscalers of InferenceServices, and no routes. Its own
 * `canaryTrafficPercent` does nothing in this mode, without a word; a rollout's weights are ours, on an HTTPRoute
 * between two InferenceServices.
 */
export const kserve = defineComponent({
  name: "kserve",
  summary: "KServe in Standard mode: inference services as Deployments.",
  options,
  // Its webhooks' certificates, and the gateway that it must know even when it makes no routes.
  requires: [["certManager"], ["gateway"]],
  locked: ["kserve-crd", "kserve", "kserve-runtimes"],
  publish: ({ options }) => ({
    inference: {
      namespace: NAMESPACE,
      controller: { namespace: NAMESPACE, labels: { ...LABELS } },
      ownRuntimes: options.runtimes,
    },
  }),
  render: ({ platform, options, facts }) => {
    const gateway = facts.gateway;
    if (gateway === undefined) throw new Error("kserve is rendered without a gateway, which it requires");
    const { emits, paths, objects } = watch([], facts.monitoring);
    return {
      objects: placed(FROM, [namespace(NAMESPACE, "baseline"), ...objects]),
      charts: charts(platform.domain, gateway, options.runtimes),
      emits,
      paths: [
        ...paths,
        {
          from: { kind: "apiServer" },
          to: { kind: "pods", pods: { namespace: NAMESPACE, labels: LABELS } },
          port: 9443,
          why: "check inference services",
        },
      ],
      health: [
        {
          apiVersion: "apps/v1",
          kind: "Deployment",
          namespace: NAMESPACE,
          name: "kserve-controller-manager",
          condition: "rolledOut",
        },
      ],
    };
  },
});

function charts(domain: string, gateway: GatewayFacts, withRuntimes: boolean): ChartUse[] {
  const chart = (row: string, values: Record<string, unknown>): ChartUse => ({
    row,
    release: row,
    namespace: NAMESPACE,
    values,
    from: FROM,
  });
  return [
    chart("kserve-crd", {}),
    chart("kserve", {
      kserve: {
        controller: controller(domain, gateway),
        // The chart's defaults name Services of KEDA, which isn't here.
        opentelemetryCollector: { metricReceiverEndpoint: "", metricScalerEndpoint: "" },
      },
    }),
    ...(withRuntimes ? [chart("kserve-runtimes", { kserve: { servingruntime: { enabled: true } } })] : []),
  ];
}

function controller(domain: string, { namespace, name, className }: GatewayFacts): Record<string, unknown> {
  return {
    // The chart's own default is Knative, which isn't here.
    deploymentMode: "Standard",
    gateway: {
      domain,
      // A rollout's routes are ours: two that write the same host would fight.
      disableIngressCreation: true,
      disableIstioVirtualHost: true,
      // Knative's and Istio's by default; it wants some, and makes no use of them in this mode.
      localGateway: { gateway: `${namespace}/${name}`, gatewayService: "" },
      ingressGateway: {
        enableGatewayApi: true,
        kserveGateway: `${namespace}/${name}`,
        createGateway: false,
        gateway: `${namespace}/${name}`,
        className,
      },
    },
    imagePullPolicy: "IfNotPresent",
    resources: { requests: { cpu: "100m", memory: "300Mi" }, limits: { memory: "512Mi" } },
  };
}
