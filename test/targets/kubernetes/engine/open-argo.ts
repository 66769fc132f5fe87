import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../../../src/base/clock.ts";
import { runStep } from "../../../../src/roles/cluster/step.ts";
import { stepSettings } from "../../../../src/roles/cluster/step-settings.ts";
import { ClusterClient } from "../../../../src/targets/kubernetes/cluster/client.ts";
import { Credentials } from "../../../../src/targets/kubernetes/cluster/credentials.ts";
import type { ClusterAccess } from "../../../../src/targets/kubernetes/cluster/kubeconfig.ts";
import { connectStreams } from "../../../../src/targets/kubernetes/cluster/stream.ts";
import { connect } from "../../../../src/targets/kubernetes/cluster/transport.ts";
import type { ArgoEngine } from "../../../../src/targets/kubernetes/engine/engine.ts";
import type { StepPodSettings } from "../../../../src/targets/kubernetes/engine/render.ts";
import { stepEnv } from "../../../pipelines/support.ts";
import { EngineBed } from "./engine-bed.ts";
import { StandInArgo, type Launch } from "./stand-in-argo.ts";

export const NAMESPACE = "slipway-default";

/** What the pods of steps are made of in tests. */
export const PODS: StepPodSettings = {
  image: "slipway.local/slipway:1",
  url: "http://127.0.0.1:1",
  serviceAccount: "pipeline",
  cpu: "250m",
  memory: { asks: "512Mi", mayHave: "2Gi" },
};

/** Does a step in this process, as its pod's process would. */
const inProcess: Launch = (env, { signal, print }) =>
  runStep(stepSettings(env), { stepEnv: stepEnv(), clock: systemClock, signal, print });

/** An engine over an API server, the platform's routes for steps, and a stand-in for Argo and a node. */
export class ArgoBed {
  readonly #bed: EngineBed;
  readonly #argo: StandInArgo;

  private constructor(bed: EngineBed, argo: StandInArgo) {
    this.#bed = bed;
    this.#argo = argo;
  }

  static async open(
    folder: string,
    access: ClusterAccess,
    { launch = inProcess, patience = {} }: { launch?: Launch; patience?: object } = {},
  ): Promise<ArgoBed> {
    mkdirSync(join(folder, "pods"), { recursive: true });
    const credentials = new Credentials(access, { clock: systemClock, env: {} });
    const send = connect(access, { credentials, clock: systemClock });
    const shared = {
      client: new ClusterClient(send),
      open: connectStreams(access, { credentials }),
      namespace: NAMESPACE,
    };
    const bed = await EngineBed.open(folder, { ...shared, pods: PODS, patience, host: "127.0.0.1" });
    const argo = new StandInArgo({ ...shared, send, launch, folder: join(folder, "pods") });
    argo.start();
    return new ArgoBed(bed, argo);
  }

  get engine(): ArgoEngine {
    return this.#bed.engine;
  }

  restart(): Promise<ArgoEngine> {
    return this.#bed.restart();
  }

  async close(): Promise<void> {
    await this.#argo.stop();
    await this.#bed.close();
  }
}
