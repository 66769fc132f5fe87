import type { PipelineRunSpec } from "../../../pipelines/engine.ts";
import type { Step } from "../../../spec/project.ts";
import { RUN_LABEL, STEP_LABEL, WORKFLOW_API } from "./workflow.ts";
import type { StepTemplate, Workflow } from "./workflow.ts";

/** How the pods of steps are made. */
export interface StepPodSettings {
  /** The platform's own image. */
  image: string;
  imagePullPolicy?: "Always" | "IfNotPresent" | "Never";
  /** Where pods reach this platform, such as `http://slipway.slipway.svc:4600`. */
  url: string;
  serviceAccount: string;
  /** PersistentVolumeClaim in the tenant's namespace that several pods may write; absent: each pod has room of its own. */
  cacheClaim?: string;
  /** Of a step that states none. */
  cpu: string;
  memory: { asks: string; mayHave: string };
}

/** The Secret in a tenant's namespace that lets its steps in, made by control. */
export const TOKEN_SECRET = { name: "slipway-step", key: "token" } as const;

/** Where a step works and keeps environments, in its container. */
export const STEP_FOLDER = "/var/lib/slipway";

/** Exit codes of a step's container, beside 0: what Argo does next depends on them. */
export const STEP_EXIT = {
  /** It failed, and may be tried again. */
  again: 1,
  /** Its settings are wrong. */
  settings: 2,
  /** It failed, and another try is of no use, or none is left. */
  final: 3,
} as const;

const ENTRYPOINT = "pipeline";
/** Of the image; nobody's. */
const USER = 10_001;
/** Pods beyond a step's own retries, for those that a lost node or a drain ended. */
const INTERRUPTIONS = 3;
/** Fetching files and building an environment come on top of a step's timeout. */
const PREPARING_SECONDS = 3600;
const MAX_BACKOFF = "10m";
/** What our own process beside the command needs: the step is ended by its own limit before the kernel ends it. */
const HEADROOM_BYTES = 256 * 2 ** 20;
/** Ended workflows are for looking at: what counts is with the platform. */
const KEEP_SECONDS = 7 * 24 * 3600;

/**
 * The Workflow of a pipeline run: one pod of our image for each try of a step. It names the step and nothing of its
 * content: command, variables, files come from control, which also takes what the step leaves. So no credentials of
 * anything but the tenant's own step token are in the tenant's namespace.
 */
export function renderWorkflow(
  spec: Pick<PipelineRunSpec, "id" | "project" | "commit">,
  namespace: string,
  settings: StepPodSettings,
): Workflow {
  const { steps } = spec.project.pipeline;
  const labels = { "app.kubernetes.io/managed-by": "slipway", [RUN_LABEL]: spec.id };
  return {
    apiVersion: WORKFLOW_API,
    kind: "Workflow",
    metadata: {
      name: spec.id,
      namespace,
      labels: { ...labels, "slipway.dev/project": spec.project.name },
      annotations: { "slipway.dev/commit": spec.commit },
    },
    spec: {
      entrypoint: ENTRYPOINT,
      serviceAccountName: settings.serviceAccount,
      podMetadata: { labels },
      securityContext: {
        runAsUser: USER,
        runAsGroup: USER,
        fsGroup: USER,
        runAsNonRoot: true,
        seccompProfile: { type: "RuntimeDefault" },
      },
      volumes: volumesOf(settings),
      ttlStrategy: { secondsAfterCompletion: KEEP_SECONDS },
      podGC: { strategy: "OnWorkflowCompletion", deleteDelayDuration: "600s" },
      templates: [
        {
          name: ENTRYPOINT,
          dag: {
            // As on a laptop: what doesn't need a failed step goes on.
            failFast: false,
            tasks: steps.map(({ name, needs }) => ({
              name,
              template: templateName(name),
              ...(needs.length === 0 ? {} : { dependencies: needs }),
            })),
          },
        },
        ...steps.map((step) => templateOf(step, spec.id, settings)),
      ],
    },
  };
}

/** A step may be called as the entrypoint is. */
export function templateName(step: string): string {
  return `step-${step}`;
}

function templateOf(step: Step, run: string, settings: StepPodSettings): StepTemplate {
  const given = (name: string, value: string) => ({ name, value });
  return {
    name: templateName(step.name),
    metadata: { labels: { [STEP_LABEL]: step.name } },
    activeDeadlineSeconds: Math.ceil(step.timeout / 1000) + PREPARING_SECONDS,
    retryStrategy: {
      limit: step.retries + INTERRUPTIONS,
      retryPolicy: "Always",
      // A step counts its own failures and says when it was the last; the kernel's end for memory comes again as it came.
      expression: `not (asInt(lastRetry.exitCode) in [${STEP_EXIT.settings}, ${STEP_EXIT.final}]) and not (lastRetry.message contains "OOMKilled")`,
      backoff: { duration: `${Math.max(1, Math.ceil(step.backoff / 1000))}s`, factor: 2, cap: MAX_BACKOFF },
    },
    container: {
      image: settings.image,
      ...(settings.imagePullPolicy === undefined ? {} : { imagePullPolicy: settings.imagePullPolicy }),
      // Argo's executor starts it, and would have to ask the registry for the image's own entrypoint.
      command: ["slipway"],
      args: ["--role=step"],
      env: [
        given("SLIPWAY_URL", settings.url),
        given("SLIPWAY_PIPELINE_RUN", run),
        given("SLIPWAY_STEP", step.name),
        given("SLIPWAY_STEP_TRY", "{{retries}}"),
        given("SLIPWAY_STEP_FOLDER", STEP_FOLDER),
        given("HOME", `${STEP_FOLDER}/home`),
        {
          name: "SLIPWAY_TOKEN",
          valueFrom: { secretKeyRef: { name: TOKEN_SECRET.name, key: TOKEN_SECRET.key } },
        },
      ],
      resources: resourcesOf(step, settings),
      securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
      volumeMounts: [
        { name: "work", mountPath: STEP_FOLDER },
        { name: "tmp", mountPath: "/tmp" },
        ...(settings.cacheClaim === undefined
          ? []
          : [{ name: "cache", mountPath: `${STEP_FOLDER}/cache/environments` }]),
      ],
    },
  };
}

function volumesOf({ cacheClaim }: StepPodSettings): object[] {
  return [
    { name: "work", emptyDir: {} },
    { name: "tmp", emptyDir: {} },
    ...(cacheClaim === undefined
      ? []
      : [{ name: "cache", persistentVolumeClaim: { claimName: cacheClaim } }]),
  ];
}

/** Cores are asked for and not limited: a limit only slows a step down while cores stand idle. */
function resourcesOf({ resources }: Step, settings: StepPodSettings): StepTemplate["container"]["resources"] {
  const { memory, cpu } = resources;
  return {
    requests: {
      cpu: cpu === undefined ? settings.cpu : `${Math.round(cpu * 1000)}m`,
      memory: memory === undefined ? settings.memory.asks : String(memory + HEADROOM_BYTES),
    },
    limits: {
      memory: memory === undefined ? settings.memory.mayHave : String(memory + HEADROOM_BYTES),
    },
  };
}
