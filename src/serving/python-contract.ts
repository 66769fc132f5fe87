import { stat } from "node:fs/promises";
import { join } from "node:path";
import { madeContractFile, parseContract } from "./contract.ts";
import type { Contract } from "./model-store.ts";
import { replaceFile } from "./router/replace-file.ts";
import { describeModel } from "./worker/python/describe.ts";

/**
 * Makes the contract of a model that was logged without one: its saved input example, and what the model answers to
 * it in its own environment, in a process that ends afterwards. The workers that will serve it are then held to that
 * answer, now and after every restart. Nothing is made for a model without an example. MODEL_* errors say why it
 * can't be loaded.
 */
export async function ensurePythonContract(
  modelDir: string,
  python: string,
  log: (text: string) => void,
): Promise<void> {
  const made = madeContractFile(modelDir);
  for (const file of [join(modelDir, "contract.json"), made])
    if (
      await stat(file).then(
        (found) => found.isFile(),
        () => false,
      )
    )
      return;
  const { example, answer } = await describeModel({ python, modelDir, log });
  if (example === undefined || answer === undefined) return;
  const contract: Contract = {
    request: { inputs: example },
    response: { outputs: answer },
    recordedAt: "registration",
  };
  const text = JSON.stringify(contract);
  // An example without rows, or one of a datatype that can't be written, is said now and not by each worker.
  parseContract(text);
  await replaceFile(made, text);
}
