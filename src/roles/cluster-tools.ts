import { systemClock } from "../base/clock.ts";
import { systemIds } from "../base/ids.ts";
import type { Answer, ApplyWishes, ClusterChoice, ClusterTools } from "../cli/cluster-tools.ts";
import { SlipwayError } from "../http/errors.ts";
import { applyPlatform } from "../targets/kubernetes/apply/apply.ts";
import { progressWords } from "../targets/kubernetes/apply/progress.ts";
import { ClusterClient } from "../targets/kubernetes/cluster/client.ts";
import { Credentials } from "../targets/kubernetes/cluster/credentials.ts";
import { readKubeconfig } from "../targets/kubernetes/cluster/kubeconfig.ts";
import { connect } from "../targets/kubernetes/cluster/transport.ts";
import { commitPlatform } from "../targets/kubernetes/commit/commit.ts";
import { destroyLines, destroyPlatform, planDestroy } from "../targets/kubernetes/destroy/destroy.ts";
import { checkCluster } from "../targets/kubernetes/doctor/cluster.ts";
import { checkMachine } from "../targets/kubernetes/doctor/machine.ts";
import { pausedLines, pausePlatform, resumePlatform } from "../targets/kubernetes/pause/pause.ts";
import { planPlatform, planObjects } from "../targets/kubernetes/plan/plan.ts";
import { countLine, objectLines, planLines } from "../targets/kubernetes/plan/words.ts";
import type { Rendered } from "../targets/kubernetes/render/rendered.ts";
import { inventoryOf, isWell, statusLines, statusOf } from "../targets/kubernetes/status/status.ts";
import { areWell, checkLines, failed } from "../targets/kubernetes/verify/checks.ts";
import type { Check } from "../targets/kubernetes/verify/checks.ts";
import { verifyPlatform } from "../targets/kubernetes/verify/verify.ts";
import type { Finding } from "../targets/kubernetes/wiring/finding.ts";
import { proveWiring } from "../targets/kubernetes/wiring/prove.ts";

/** Wires the parts of the Kubernetes target that talk to a cluster. It is reached for only when a call needs it. */
export function createClusterTools(choice: ClusterChoice, rendered: Rendered): ClusterTools {
  const ids = systemIds(() => systemClock.now());
  const deps = () => ({
    client: clientOf(choice),
    clock: systemClock,
    ids,
    report: (progress: Parameters<typeof progressWords>[0]) => choice.tell(progressWords(progress)),
    slipway: choice.version,
  });
  const proven = () => proveWiring(rendered, rendered.platform.kubernetes.version);
  return {
    plan: (wishes) => plan(choice, rendered, wishes, proven()),
    async apply(wishes) {
      refuseBroken(choice, proven());
      const done = await applyPlatform(rendered, wishes, deps());
      const { applied, replaced, pruned, unchanged } = done;
      const counts = `${applied.length} applied, ${replaced.length} replaced, ${pruned.length} deleted, ${unchanged} unchanged`;
      return well({ ok: true, ...done }, [`${rendered.platform.name}: ${counts}`]);
    },
    async commit(message) {
      refuseBroken(choice, proven());
      const subject = message ?? `Render ${rendered.platform.name}`;
      const done = await commitPlatform(rendered, { env: choice.env, message: subject });
      const { commit, repository, branch, path } = done;
      const where = `${path} on ${branch} of ${repository}`;
      const line =
        commit === undefined ? `${where} says the same already` : `${commit.slice(0, 8)}: ${where}`;
      return well({ ok: true, ...done }, [line]);
    },
    async status() {
      const status = await statusOf(clientOf(choice), rendered);
      return { json: { ok: isWell(status), ...status }, lines: statusLines(status), isWell: isWell(status) };
    },
    diff: () => diff(choice, rendered),
    async verify(options) {
      return checked(await verifyPlatform(rendered, options, deps()));
    },
    async pause(reason) {
      const paused = await pausePlatform(rendered, reason, deps());
      return well(paused, pausedLines(paused));
    },
    async resume() {
      const resumed = await resumePlatform(rendered, deps());
      return well(resumed, pausedLines(resumed));
    },
    async planDestroy(options) {
      const planned = await planDestroy(clientOf(choice), rendered, options);
      return well(planned, destroyLines(planned));
    },
    async destroy(options) {
      const { platform, objects, kept, stays } = await destroyPlatform(rendered, options, deps());
      const left = [...kept.map(({ namespace }) => `namespace ${namespace}`), ...stays];
      return well({ ok: true, platform, objects, kept, stays }, [
        `${platform}: ${objects.length} objects are gone`,
        ...left.map((one) => `stays: ${one}`),
      ]);
    },
    async doctor() {
      return checked([...(await checkMachine(choice.env)), ...(await cluster(choice, rendered))]);
    },
  };
}

function clientOf({ at, ...choice }: ClusterChoice): ClusterClient {
  const context = choice.context ?? at.platform.kubernetes.context;
  const access = readKubeconfig({ ...choice, ...(context === undefined ? {} : { context }) });
  const credentials = new Credentials(access, { clock: systemClock, env: choice.env });
  return new ClusterClient(connect(access, { credentials, clock: systemClock }));
}

function well(json: object, lines: readonly string[]): Answer {
  return { json, lines, isWell: true };
}

function checked(checks: readonly Check[]): Answer {
  return { json: { ok: areWell(checks), checks }, lines: checkLines(checks), isWell: areWell(checks) };
}

async function plan(
  choice: ClusterChoice,
  rendered: Rendered,
  wishes: ApplyWishes,
  findings: readonly Finding[],
): Promise<Answer> {
  const planned = await planPlatform(clientOf(choice), rendered, { ...wishes, slipway: choice.version });
  const isFine =
    planned.objects.every(({ action }) => action !== "blocked") &&
    findings.every(({ severity }) => severity !== "error");
  const located = findings.map((finding) => ({ ...finding, where: whereOf(choice, finding) }));
  const wiring = located.map(({ severity, where, message }) => `  ${severity}: ${where}: ${message}`);
  const head = wiring.length === 0 ? ["wiring: proven"] : ["wiring:", ...wiring];
  return {
    json: { ok: isFine, ...planned, findings: located },
    lines: [...planLines(planned), "", ...head],
    isWell: isFine,
  };
}

async function diff(choice: ClusterChoice, rendered: Rendered): Promise<Answer> {
  const client = clientOf(choice);
  const inventory = await inventoryOf(client, rendered);
  const objects = await planObjects(client, rendered, inventory, {});
  const drifted = objects.filter(({ action }) => action !== "keep");
  const lines = drifted.length === 0 ? ["the cluster is as the file says"] : drifted.flatMap(objectLines);
  return {
    json: { ok: drifted.length === 0, objects: drifted },
    lines: [...lines, countLine(objects)],
    isWell: drifted.length === 0,
  };
}

/** A cluster that isn't to be had is what a doctor is asked about. */
async function cluster(choice: ClusterChoice, rendered: Rendered): Promise<Check[]> {
  try {
    return await checkCluster(clientOf(choice), rendered);
  } catch (error) {
    if (error instanceof SlipwayError) return [failed("cluster", error.message, error.hint)];
    throw error;
  }
}

function whereOf({ at, file }: ClusterChoice, { from }: Finding): string {
  const { line, column } = at.position(from);
  return `${file}:${line}:${column}`;
}

/** WIRING_BROKEN: nothing is applied that is known not to work. */
function refuseBroken(choice: ClusterChoice, findings: readonly Finding[]): void {
  const errors = findings.filter(({ severity }) => severity === "error");
  if (errors.length === 0) return;
  throw new SlipwayError("WIRING_BROKEN", `${errors.length} of the platform's wires lead nowhere`, {
    given: errors
      .slice(0, 10)
      .map((finding) => `${whereOf(choice, finding)}: ${finding.message}`)
      .join("; "),
    details: { findings: errors },
  });
}
