import type { PredictionRoute } from "../router/routes.ts";

/** The path of a prediction with a place for each name, which is what traces are grouped by. */
export function routeTemplate(route: Extract<PredictionRoute, { kind: "infer" }>): string {
  switch (route.protocol) {
    case "v1":
      return "/v1/models/{model}:predict";
    case "v2":
      return route.version === undefined
        ? "/v2/models/{model}/infer"
        : "/v2/models/{model}/versions/{version}/infer";
    case "invocations":
      return route.model === undefined ? "/invocations" : "/endpoints/{model}/invocations";
  }
}
