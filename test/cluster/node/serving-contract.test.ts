import { VARIANT_LABEL, variantName } from "../../../src/targets/kubernetes/serving/names.ts";
import { servingBackendContract } from "../../contract/serving-backend.ts";
import { linearSoftmax, lookUp, sequenceOutput } from "../../support/onnx.ts";
import { eventually } from "../../support/serving-platform.ts";
import { killProcesses, signalProcesses } from "./support/faults.ts";
import { deletePod, podsBy, type NamedPod } from "./support/pods.ts";
import { startServingWorld } from "./support/serving-world.ts";

const BODY = JSON.stringify({ inputs: [{ name: "x", datatype: "FP32", shape: [1, 4], data: [1, 2, 3, 4] }] });
const RESTART_MS = 60_000;
const MAX_ENDS = 2;

servingBackendContract("pods of a real node", async () => {
  const world = await startServingWorld({ home: "contract-test", serves: 1, isKserve: false });
  let [serve] = await world.servePods();
  const send = (service: string, body: string, more: RequestInit) =>
    fetch(`http://${serve?.status?.podIP}:4600/v2/models/${service}/infer`, {
      method: "POST",
      body,
      ...more,
      headers: { ...world.headers, ...(more.headers as Record<string, string> | undefined) },
    });
  const version = (response: Response, header: string) => {
    const value = response.headers.get(header);
    return value === null ? undefined : Number(value);
  };
  return {
    backend: world.backend,
    variant: { cpu: 0.05 },
    goodModel: () => world.model(linearSoftmax()),
    badModel: () => world.model(sequenceOutput()),
    tableModel: (size, step) => world.model(lookUp({ size, step })),
    async infer(service, { body = BODY, headers = {} } = {}) {
      const response = await send(service, body, { headers });
      await response.arrayBuffer();
      return {
        status: response.status,
        version: version(response, "x-slipway-variant"),
        fallback: version(response, "x-slipway-fallback"),
        requestId: response.headers.get("x-slipway-request-id") ?? "",
      };
    },
    async leave(service, afterMs) {
      await send(service, BODY, { signal: AbortSignal.timeout(afterMs) }).catch(() => undefined);
    },
    async stall(ref) {
      const pods = await podsBy(world.cluster, world.place, { [VARIANT_LABEL]: variantName(ref) });
      const uids = pods.map(({ metadata }) => metadata.uid);
      if (uids.flatMap((uid) => signalProcesses(uid, "SIGSTOP")).length === 0)
        throw new Error(`no process of ${variantName(ref)} runs on this machine`);
      return () => void uids.map((uid) => signalProcesses(uid, "SIGCONT"));
    },
    /**
     * Its process dies, and is started again in its pod, with what it had written there. A container that died twice is made to
     * wait by the cluster, longer each time: then the whole pod goes, and another one comes that knows nothing.
     */
    async restart() {
      const before = serve;
      if (before === undefined) throw new Error("there is no serve pod");
      const ends = endsOf(before);
      if (ends < MAX_ENDS) killProcesses(before);
      else await deletePod(world.cluster, before, 0);
      const isAnother = (pod: NamedPod): boolean =>
        pod.metadata.uid !== before.metadata.uid || endsOf(pod) > ends;
      serve = await eventually(
        "serve, started again and told",
        async () => (await world.servePods()).find(isAnother),
        RESTART_MS,
      );
    },
    async close() {
      world.backend.close();
      await world.close();
    },
  };
});

function endsOf({ status }: NamedPod): number {
  return status?.containerStatuses?.[0]?.restartCount ?? 0;
}
