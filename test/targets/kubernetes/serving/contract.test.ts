import { variantName } from "../../../../src/targets/kubernetes/serving/names.ts";
import { servingBackendContract } from "../../../contract/serving-backend.ts";
import { linearSoftmax, lookUp, sequenceOutput } from "../../../support/onnx.ts";
import { startServingWorld } from "./serving-world.ts";

const BODY = JSON.stringify({ inputs: [{ name: "x", datatype: "FP32", shape: [1, 4], data: [1, 2, 3, 4] }] });

servingBackendContract("pods", async () => {
  const world = await startServingWorld(1);
  const [url = ""] = world.urls;
  const send = (service: string, body: string, more: RequestInit) =>
    fetch(`${url}/v2/models/${service}/infer`, {
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
      const pids = world.cluster.pids({ "slipway.dev/variant": variantName(ref) });
      for (const pid of pids) process.kill(pid, "SIGSTOP");
      return () => {
        for (const pid of pids) process.kill(pid, "SIGCONT");
      };
    },
    restart: () => world.restart(0),
    close: () => world.close(),
  };
});
