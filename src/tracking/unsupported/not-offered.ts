/** Parts of MLflow's contract that this platform doesn't offer, with the reason: clients and `docs/mlflow.md` tell it. */
export interface NotOffered {
  reason: string;
  /** `METHOD path` below `/mlflow/`. */
  routes: readonly string[];
}

const GATEWAY = [
  "POST secrets/create",
  "GET secrets/get",
  "POST secrets/update",
  "DELETE secrets/delete",
  "GET secrets/list",
  "POST endpoints/create",
  "GET endpoints/get",
  "POST endpoints/update",
  "DELETE endpoints/delete",
  "GET endpoints/list",
  "POST endpoints/models/attach",
  "POST endpoints/models/detach",
  "POST endpoints/bindings/create",
  "DELETE endpoints/bindings/delete",
  "GET endpoints/bindings/list",
  "POST endpoints/set-tag",
  "DELETE endpoints/delete-tag",
  "POST model-definitions/create",
  "GET model-definitions/get",
  "GET model-definitions/list",
  "POST model-definitions/update",
  "DELETE model-definitions/delete",
  "POST budgets/create",
  "GET budgets/get",
  "POST budgets/update",
  "DELETE budgets/delete",
  "GET budgets/list",
  "GET budgets/windows",
  "POST guardrails/create",
  "GET guardrails/get",
  "DELETE guardrails/delete",
  "GET guardrails/list",
  "POST guardrails/add-to-endpoint",
  "DELETE guardrails/remove-from-endpoint",
  "GET guardrails/list-for-endpoint",
  "PATCH guardrails/update-config",
].map((route) => route.replace(" ", " gateway/"));

export const NOT_OFFERED: readonly NotOffered[] = [
  {
    reason: "the AI gateway is not part of this platform",
    routes: [...GATEWAY, "GET gateway-proxy", "POST gateway-proxy"],
  },
  {
    reason: "prompts are optimised by the client, not by jobs on the server",
    routes: [
      "POST prompt-optimization/jobs",
      "GET prompt-optimization/jobs/:job_id",
      "POST prompt-optimization/jobs/search",
      "GET prompt-optimization/jobs/search",
      "POST prompt-optimization/jobs/:job_id/cancel",
      "DELETE prompt-optimization/jobs/:job_id",
      "POST runs/create-promptlab-run",
    ],
  },
  {
    reason: "issues belong to MLflow's own pages, which are not part of this platform",
    routes: ["POST issues", "PATCH issues/:issue_id", "GET issues/:issue_id", "POST issues/search"],
  },
  {
    reason: "labelling belongs to MLflow's own pages, which are not part of this platform",
    routes: [
      "POST label-schemas/create",
      "GET label-schemas/get",
      "GET label-schemas/get-by-name",
      "GET label-schemas/list",
      "PATCH label-schemas/update",
      "DELETE label-schemas/delete",
      "POST review-queues/create",
      "POST review-queues/get-or-create-user",
      "GET review-queues/get",
      "GET review-queues/get-by-name",
      "GET review-queues/list",
      "POST review-queues/update",
      "POST review-queues/delete",
      "POST review-queues/items/add",
      "POST review-queues/items/remove",
      "GET review-queues/items/list",
      "POST review-queues/items/set-status",
    ],
  },
  {
    reason: "only Databricks serves it; MLflow's own server doesn't",
    routes: ["GET unified-traces", "GET get-online-trace-details"],
  },
];
