// Predictions at a steady rate, alone and while callers log as much as the tracking server takes.
import { load } from "../tracking/load.mjs";
import { post } from "../tracking/calls.mjs";
import { batch } from "../tracking/lines.mjs";
import { openLoop } from "./load.mjs";

const RATE = 200;
const LOGGERS = 8;
const METRICS = 1_000;

/** @returns {Promise<{rate: number, alone: object, beside: object, logged: object}>} */
export async function besideTracking(server, { bodyFile, seconds, folder }) {
  const { experiment_id: experiment } = await post(server, "experiments/create", {
    name: `beside ${seconds}`,
  });
  const streams = [];
  for (let i = 0; i < LOGGERS; i++) {
    const { run } = await post(server, "runs/create", { experiment_id: experiment });
    streams.push([batch(run.info.run_id, METRICS)]);
  }
  const predictions = () => openLoop(server, { bodyFile, rate: RATE, seconds });
  const alone = await predictions();
  // One second longer on either side than what is measured beside it.
  const logging = load(
    server,
    { streams },
    { connections: LOGGERS, seconds: seconds + 1, warmSeconds: 1, folder },
  );
  const beside = await predictions();
  return { rate: RATE, alone, beside, logged: await logging };
}
