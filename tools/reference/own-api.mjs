// The OpenAPI document of our own API without a platform: routes are registered, none is called.
import { readFileSync } from "node:fs";

/** Groups of routes that aren't in our own API's document: MLflow's, Git's, predictions', metrics, the console's pages. */
const OTHERS = new Set([
  "trackingRoutes",
  "registryRoutes",
  "gitRoutes",
  "predictionRoutes",
  "hookRoutes",
  "metricsRoutes",
  "consoleRoutes",
]);

const { version: VERSION } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));

/** `http` has createApp and openApiRoute; `groups` the features' route functions by name. */
export async function ownApi({ createApp, openApiRoute }, groups, composition) {
  const composed = readFileSync(composition, "utf8").matchAll(/^ {2}(\w+Routes)\(/gm);
  const missing = [...composed].map(([, name]) => name).filter((name) => !OTHERS.has(name) && !groups[name]);
  if (missing.length > 0)
    throw new Error(
      `${missing.join(", ")} of ${composition} must be among FEATURES in tools/reference.mjs, or OTHERS beside this`,
    );
  const app = await createApp({ guard: () => null, logDefect: () => undefined, version: VERSION });
  for (const routes of Object.values(groups)) routes(app, {});
  openApiRoute(app);
  const answer = await app.inject("/api/slipway/v1/openapi.json");
  await app.close();
  return answer.json();
}
