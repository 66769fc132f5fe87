// All checks, and their way through one server.
import * as binary from "./checks/binary.mjs";
import * as datatypes from "./checks/datatypes.mjs";
import * as grpc from "./checks/grpc.mjs";
import * as health from "./checks/health.mjs";
import * as inference from "./checks/inference.mjs";
import * as invocations from "./checks/invocations.mjs";
import * as metadata from "./checks/metadata.mjs";
import * as refusals from "./checks/refusals.mjs";
import * as repository from "./checks/repository.mjs";
import * as v1 from "./checks/v1.mjs";
import { NotOffered } from "./outcome.mjs";
import { createSubject } from "./subject.mjs";

/**
 * A check: `name`, the `clause` that it comes from, `run(context)`, which throws Failed or NotOffered. `transport`: only
 * over that one; `needs: "versions"`: only where the model's metadata names some.
 * The context: `client`, the `subject` (see subject.mjs), all `subjects`, and a `version` of the subject.
 */
export const AREAS = [
  health,
  metadata,
  inference,
  datatypes,
  refusals,
  binary,
  repository,
  v1,
  invocations,
  grpc,
];

/**
 * Runs every check of the client's transport, one after the other.
 * @param {object} client see rest-client.mjs
 * @param {{ models: string[], example?: object, onResult?: (result: object) => void }} options the first model is the
 * subject of most checks; datatypes are looked for in all of them
 * @returns {Promise<{ area: string, name: string, clause: string, result: "pass" | "fail" | "not offered", why?: string }[]>}
 */
export async function runSuite(client, { models, example, onResult = () => undefined }) {
  const subjects = [];
  for (const [index, model] of models.entries())
    subjects.push(await createSubject(client, model, index === 0 ? example : undefined));
  const [subject] = subjects;
  const context = { client, subject, subjects, version: subject.metadata.versions?.at(-1) };
  const results = [];
  for (const { area, checks } of AREAS)
    for (const check of checks) {
      if (check.transport !== undefined && check.transport !== client.transport) continue;
      const { name, clause } = check;
      const result = { area, name, clause, ...(await outcomeOf(check, context)) };
      results.push(result);
      onResult(result);
    }
  return results;
}

async function outcomeOf({ needs, run }, context) {
  try {
    if (needs === "versions" && context.version === undefined)
      throw new NotOffered("the model's metadata names no versions");
    await run(context);
    return { result: "pass" };
  } catch (error) {
    if (error instanceof NotOffered) return { result: "not offered", why: error.message };
    const [why] = `${error.message}${error.cause === undefined ? "" : `: ${error.cause.message}`}`.split(
      "\n",
    );
    return { result: "fail", why };
  }
}
