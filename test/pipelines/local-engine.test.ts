import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { pipelineEngineContract } from "../contract/pipeline-engine.ts";
import { openEngine } from "./open-engine.ts";

pipelineEngineContract("local", async (folder) => {
  const dataDir = join(folder, "data");
  mkdirSync(dataDir);
  let engine = await openEngine(dataDir);
  return {
    engine,
    async restart() {
      await engine.close();
      engine = await openEngine(dataDir);
      return engine;
    },
    close: () => engine.close(),
  };
});
