import type { Clock } from "../../../base/clock.ts";
import type { Ids } from "../../../base/ids.ts";
import { readinessOf } from "../apply/readiness.ts";
import type { ClusterClient } from "../cluster/client.ts";
import type { KubernetesObject } from "../object.ts";
import { PLATFORM_LABEL } from "../inventory/inventory.ts";
import type { Rendered } from "../render/rendered.ts";
import type { Check } from "./checks.ts";
import { probeRounds } from "./probe-targets.ts";
import type { ProbeRound } from "./probe-targets.ts";

interface IsolationDeps {
  client: ClusterClient;
  clock: Clock;
  ids: Ids;
  timeoutMs: number;
}

/** A connection that is dropped rather than refused is given up after so long, in milliseconds. */
const CONNECT_MS = 3000;
const LOOK_MS = 1000;

/**
 * Tries every target and writes one letter for each: `o` where a connection opened, `r` where somebody refused it (it
 * got through), `b` where nothing came back, `n` where the name leads nowhere. A termination message holds 4096 bytes.
 */
const SCRIPT = `
const net = require("node:net"), fs = require("node:fs");
const { env } = process;
const targets = JSON.parse(env.TARGETS);
const probe = ({ host, port }) => new Promise((done) => {
  const socket = net.connect({ host, port });
  const end = (letter) => { socket.destroy(); done(letter); };
  socket.setTimeout(${CONNECT_MS}, () => end("b"));
  socket.on("connect", () => end("o"));
  socket.on("error", ({ code }) => end(code === "ECONNREFUSED" ? "r" : code === "ENOTFOUND" || code === "EAI_AGAIN" ? "n" : "b"));
});
Promise.all(targets.map(probe)).then((letters) => fs.writeFileSync("/dev/termination-log", letters.join("")));
`;

/**
 * Runs hostile pods, one in each tenant's namespace, that try to reach what they mustn't. Each target is reported
 * blocked or open. The pods have no rights, and are gone afterwards.
 */
export async function checkIsolation(rendered: Rendered, deps: IsolationDeps): Promise<Check[]> {
  const { tenants, images } = rendered.platform;
  if (tenants.length < 2)
    return [{ name: "isolation", result: "warning", says: "there is no other tenant to be kept from" }];
  const image = images["slipway"] ?? Object.values(images)[0];
  if (image === undefined)
    return [
      {
        name: "isolation",
        result: "unknown",
        says: "there is no image to probe with",
        hint: "Name images.slipway in platform.yaml.",
      },
    ];
  const rounds = probeRounds(rendered);
  const checks = await Promise.all(rounds.map((round) => runRound(round, image, rendered, deps)));
  return checks.flat();
}

async function runRound(
  round: ProbeRound,
  image: string,
  { platform }: Rendered,
  { client, clock, ids, timeoutMs }: IsolationDeps,
): Promise<Check[]> {
  const name = `slipway-probe-${ids.hex().slice(0, 8)}`;
  const job = probeJob(name, round, image, { platform: platform.name, seconds: Math.ceil(timeoutMs / 1000) });
  const identity = { group: "batch", kind: "Job", namespace: round.tenant, name };
  await client.create(job);
  try {
    const until = clock.now() + timeoutMs;
    for (;;) {
      const live = await client.get(identity, "v1");
      const readiness = live === undefined ? undefined : readinessOf(live);
      if (readiness?.state === "ready") return verdicts(round, await lettersOf(client, round.tenant, name));
      if (readiness?.state === "failed" || clock.now() >= until)
        return [unknown(round, readiness?.why ?? "the probe is gone")];
      await clock.sleep(LOOK_MS);
    }
  } finally {
    await client.delete(identity, { propagation: "Background" }, "v1");
  }
}

function unknown({ tenant }: ProbeRound, says: string): Check {
  const hint =
    "Look at the probe's pod: its image must be pullable, and the quota must have room for one pod.";
  return { name: `isolation from ${tenant}`, result: "unknown", says, hint };
}

interface PodStatus {
  containerStatuses?: { state?: { terminated?: { message?: string } } }[];
}

async function lettersOf(client: ClusterClient, namespace: string, job: string): Promise<string> {
  const labelSelector = `batch.kubernetes.io/job-name=${job}`;
  const pods = await client.listKind("v1", "Pod", { namespace, labelSelector });
  return pods
    .map(
      (pod) => ((pod["status"] ?? {}) as PodStatus).containerStatuses?.[0]?.state?.terminated?.message ?? "",
    )
    .join("");
}

/** One verdict for each target, from the letters that a probe left. */
export function verdicts(round: ProbeRound, letters: string): Check[] {
  if (letters.length !== round.targets.length) return [unknown(round, "the probe left no answer")];
  return round.targets.map(({ name, host, port }, index): Check => {
    const subject = `from ${round.tenant} to ${name} (${host}:${port})`;
    switch (letters[index]) {
      case "b":
        return { name: subject, result: "passed", says: "blocked" };
      case "n":
        return {
          name: subject,
          result: "unknown",
          says: "the name leads nowhere: DNS is blocked, or it isn't there",
        };
      default:
        return {
          name: subject,
          result: "failed",
          says: "open",
          hint: "See that the cluster enforces NetworkPolicies; `slipway platform can` says what they allow.",
        };
    }
  });
}

function probeJob(
  name: string,
  { tenant, targets }: ProbeRound,
  image: string,
  { platform, seconds }: { platform: string; seconds: number },
): KubernetesObject {
  const labels = { [PLATFORM_LABEL]: platform, "slipway.dev/probe": "isolation" };
  const resources = { cpu: "50m", memory: "64Mi" };
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name, namespace: tenant, labels },
    spec: {
      backoffLimit: 0,
      activeDeadlineSeconds: seconds,
      // Should nobody be left to delete it.
      ttlSecondsAfterFinished: 300,
      template: {
        metadata: { labels },
        spec: {
          restartPolicy: "Never",
          automountServiceAccountToken: false,
          securityContext: {
            runAsNonRoot: true,
            runAsUser: 65_532,
            seccompProfile: { type: "RuntimeDefault" },
          },
          containers: [
            {
              name: "probe",
              image,
              command: ["node", "-e", SCRIPT],
              env: [
                { name: "TARGETS", value: JSON.stringify(targets.map(({ host, port }) => ({ host, port }))) },
              ],
              resources: { requests: resources, limits: resources },
              securityContext: {
                allowPrivilegeEscalation: false,
                readOnlyRootFilesystem: true,
                capabilities: { drop: ["ALL"] },
              },
            },
          ],
        },
      },
    },
  };
}
