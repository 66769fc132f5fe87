import type { OpenStream } from "../cluster/stream.ts";
import { apiError, statusOf } from "../cluster/api-error.ts";
import type { Pod } from "./pods.ts";

const MAX_BYTES = 1024 * 1024;
const QUIET_MS = 10_000;

/**
 * Last lines of a pod's container, which needs a name where there are several; with those of the one before it, where that
 * ended and this one has only begun. None of one that hasn't begun.
 */
export async function readPodLog(
  open: OpenStream,
  pod: Pod,
  lines: number,
  container?: string,
): Promise<string[]> {
  const read = (query: Record<string, string>): Promise<string[]> =>
    readLines(open, pod, { ...query, ...(container !== undefined && { container }) });
  const tail = { tailLines: String(lines), limitBytes: String(MAX_BYTES) };
  const now = await read(tail);
  const status = pod.status?.containerStatuses?.find(
    ({ name }) => container === undefined || name === container,
  );
  // While it waits to be started again, its log is that of the one before.
  const hasFormer = (status?.restartCount ?? 0) > 0 && status?.state?.running !== undefined;
  if (!hasFormer || now.length >= lines) return now;
  return [...(await read({ ...tail, previous: "true" })), ...now].slice(-lines);
}

async function readLines(
  open: OpenStream,
  { metadata: { namespace = "", name } }: Pod,
  query: Record<string, string>,
): Promise<string[]> {
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}/log`;
  const signal = AbortSignal.timeout(QUIET_MS);
  const { status, body } = await open({ method: "GET", path, query, signal, quietMs: QUIET_MS });
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MAX_BYTES) break;
  }
  // A container that waits has no log, and a pod may go meanwhile.
  if (status === 400 || status === 404) return [];
  if (status !== 200)
    throw apiError(statusOf(status, { message: text.slice(0, 500) }), {
      verb: "get",
      resource: "pods/log",
      namespace,
      name,
    });
  const all = text.split("\n");
  if (all.at(-1) === "") all.pop();
  return all;
}

/**
 * The last lines of several pods, each with its pod's name where there is more than one. Of a pod whose log can't be read that is
 * said, unless it is the same with all.
 */
export async function joinedLogs(
  pods: readonly Pod[],
  lines: number,
  read: (pod: Pod, lines: number) => Promise<string[]>,
): Promise<string[]> {
  const all = await Promise.allSettled(pods.map((pod) => read(pod, lines)));
  const [first] = all;
  if (first?.status === "rejected" && all.every(({ status }) => status === "rejected")) throw first.reason;
  return all
    .flatMap((one, index) => {
      const own = one.status === "fulfilled" ? one.value : [`(its log can't be read: ${String(one.reason)})`];
      return pods.length === 1 ? own : own.map((line) => `${pods[index]?.metadata.name}: ${line}`);
    })
    .slice(-lines);
}
