import { servingBackendContract } from "../contract/serving-backend.ts";
import { linearSoftmax, sequenceOutput } from "../support/onnx.ts";
import { startServingPlatform } from "../support/serving-platform.ts";

const BODY = JSON.stringify({ inputs: [{ name: "x", datatype: "FP32", shape: [1, 4], data: [1, 2, 3, 4] }] });

servingBackendContract("local processes", async () => {
  const platform = await startServingPlatform();
  return {
    backend: platform.backend,
    goodModel: () => platform.model(linearSoftmax()),
    badModel: () => platform.model(sequenceOutput()),
    async infer(service) {
      const response = await fetch(`${platform.url}/v2/models/${service}/infer`, {
        method: "POST",
        body: BODY,
      });
      await response.arrayBuffer();
      const version = response.headers.get("x-slipway-variant");
      return {
        status: response.status,
        version: version === null ? undefined : Number(version),
        requestId: response.headers.get("x-slipway-request-id") ?? "",
      };
    },
    close: () => platform.close(),
  };
});
