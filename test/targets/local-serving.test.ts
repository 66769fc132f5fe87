import { servingBackendContract } from "../contract/serving-backend.ts";
import { linearSoftmax, lookUp, sequenceOutput } from "../support/onnx.ts";
import { eventually, startServingPlatform } from "../support/serving-platform.ts";

const BODY = JSON.stringify({ inputs: [{ name: "x", datatype: "FP32", shape: [1, 4], data: [1, 2, 3, 4] }] });

servingBackendContract("local processes", async () => {
  const platform = await startServingPlatform();
  const send = (service: string, body: string, more: RequestInit) =>
    fetch(`${platform.url}/v2/models/${service}/infer`, { method: "POST", body, ...more });
  const version = (response: Response, header: string) => {
    const value = response.headers.get(header);
    return value === null ? undefined : Number(value);
  };
  return {
    backend: platform.backend,
    goodModel: () => platform.model(linearSoftmax()),
    badModel: () => platform.model(sequenceOutput()),
    tableModel: (size, step) => platform.model(lookUp({ size, step })),
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
      const { variants } = await platform.backend.state();
      const own = variants.find((known) => known.service === ref.service && known.version === ref.version);
      const pids = own?.workers.flatMap(({ pid }) => pid ?? []) ?? [];
      for (const pid of pids) process.kill(pid, "SIGSTOP");
      return () => {
        for (const pid of pids) process.kill(pid, "SIGCONT");
      };
    },
    async restart() {
      const before = platform.pid("serve");
      process.kill(before, "SIGKILL");
      await eventually("another serve process", async () => {
        // Calls to the one that was killed are cut off.
        const report = await platform.backend.outcomes().catch(() => undefined);
        return report !== undefined && platform.pid("serve") !== before;
      });
    },
    close: () => platform.close(),
  };
});
