import type { ErrorCode } from "../../../http/errors.ts";

/** What the words of Argo and of Kubernetes say about a step. */
export interface Finding {
  code: ErrorCode;
  /** For a person. */
  reason: string;
}

type Rule = [pattern: RegExp, code: ErrorCode, reason: (said: string) => string];

/** In this order: a message may hold the words of several. Sources: Argo's `inferFailedReason` and `getPendingReason`. */
const RULES: Rule[] = [
  [
    /OOMKilled/,
    "STEP_OUT_OF_MEMORY",
    () => "ended by the system: its pod used more memory than it may (resources.memory)",
  ],
  [
    /(?:ErrImage\w+|ImagePullBackOff|ImageInspectError|InvalidImageName|RegistryUnavailable)/,
    "STEP_IMAGE_UNAVAILABLE",
    (said) => `its image can't be had: ${said}`,
  ],
  [/exceeded quota/, "STEP_QUOTA_EXCEEDED", (said) => `the tenant's quota leaves no room: ${quotaOf(said)}`],
  [
    /unbound immediate PersistentVolumeClaims|persistentvolumeclaim .* not found|(?:FailedMount|FailedAttachVolume)|MountVolume/i,
    "STEP_VOLUME_PENDING",
    (said) => `its volume isn't there: ${said}`,
  ],
  [/^Unschedulable/, "STEP_UNSCHEDULABLE", (said) => `no node has room for it: ${said}`],
  [
    /active on the node longer than the specified deadline|DeadlineExceeded|Max duration limit exceeded/,
    "STEP_TIMEOUT",
    () => "its pod was ended at the deadline: its timeout and an hour for preparing",
  ],
  [
    /CreateContainerConfigError|secret "[^"]*" not found|configmap "[^"]*" not found/,
    "STEP_NOT_STARTED",
    (said) => `its container can't be made: ${said}`,
  ],
  [
    /pod deleted|Evicted|The node was low on resource|node (?:lost|not ready)|Shutdown|Preempt/i,
    "STEP_INTERRUPTED",
    (said) => `its pod was taken away: ${said}`,
  ],
  [
    /violates PodSecurity|is forbidden|denied (?:the )?request|serviceaccount "[^"]*" not found/,
    "STEP_NOT_STARTED",
    (said) => `the cluster refused its pod: ${said}`,
  ],
];

const LENGTH = 600;

/** The cause behind a node's message; undefined when it is none of the known ones. */
export function findingOf(message: string | undefined): Finding | undefined {
  if (message === undefined || message === "") return undefined;
  const said = message.length > LENGTH ? `${message.slice(0, LENGTH - 1)}…` : message;
  const rule = RULES.find(([pattern]) => pattern.test(said));
  return rule && { code: rule[1], reason: rule[2](said) };
}

/** `requested: requests.cpu=4, used: …, limited: …` is what counts of it. */
function quotaOf(said: string): string {
  return /exceeded quota: .*/.exec(said)?.[0] ?? said;
}
