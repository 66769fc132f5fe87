// One measured load: the client's process, and the CPU that the server's processes used meanwhile.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runMeasured, withCpu } from "../lib/measured-client.mjs";

const CLIENT = fileURLToPath(new URL("client.mjs", import.meta.url));
/** A slow server gets this long to answer once per connection. */
const MAX_SECONDS = 60;
/** Every load counts on from here, so that no two requests log the same point or name the same model. */
let counterFrom = 1_000_000_000;

/**
 * @param {object} server see servers.mjs
 * @param {object} job `{streams, kind?, pages?, maxRequests?}`: per connection a list of
 *   `{method, path, body | bodyBytes}`, sent in turn
 * @param {{connections: number, seconds: number, warmSeconds: number, folder: string}} how
 */
export async function load(server, job, { connections, seconds, warmSeconds, folder }) {
  const file = join(folder, "job.json");
  writeFileSync(
    file,
    JSON.stringify({
      ...job,
      port: server.port,
      connections,
      seconds,
      warmSeconds,
      counterFrom,
      maxSeconds: MAX_SECONDS,
    }),
  );
  const { notRun, said: result, serverCpu } = await runMeasured(server, [CLIENT, file]);
  if (notRun !== undefined) return { notRun };
  counterFrom = Math.max(counterFrom, result.counter) + 1_000;
  if (result.failed > 0) return { notRun: `${result.failed} of ${result.count} refused: ${result.failure}` };
  if (result.count === 0) return { notRun: `no answer within ${MAX_SECONDS} s` };
  return withCpu(result, serverCpu);
}
