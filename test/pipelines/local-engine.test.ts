import { systemClock } from "../../src/base/clock.ts";
import { systemIds } from "../../src/base/ids.ts";
import { createLocalEngine } from "../../src/targets/local/engine/engine.ts";
import { join } from "node:path";
import { mkdirSync } from "node:fs";
import { pipelineEngineContract } from "../contract/pipeline-engine.ts";
import { stepEnv } from "./support.ts";

pipelineEngineContract("local", async (folder) => {
  const dataDir = join(folder, "data");
  mkdirSync(dataDir);
  const open = () =>
    createLocalEngine({
      dataDir,
      clock: systemClock,
      ids: systemIds(Date.now),
      stepEnv: stepEnv(),
      cpus: 4,
      platform: process.platform,
      pid: process.pid,
      limits: { graceMs: 200 },
    });
  let engine = await open();
  return {
    engine,
    async restart() {
      await engine.close();
      engine = await open();
      return engine;
    },
    close: () => engine.close(),
  };
});
