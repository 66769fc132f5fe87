import * as fc from "fast-check";
import type { Connection } from "../../../../src/targets/kubernetes/network/evaluate.ts";
import type { Protocol } from "../../../../src/targets/kubernetes/network/policy.ts";
import { addressParty, networkView } from "../../../../src/targets/kubernetes/network/view.ts";
import type { NetworkView, Party } from "../../../../src/targets/kubernetes/network/view.ts";
import type { KubernetesObject } from "../../../../src/targets/kubernetes/object.ts";

const NAMES = ["a", "b"];
const KEYS = ["k", "l"];
const VALUES = ["1", "2"];
/** Addresses of hosts; the pods' are 10.244.0.0/16. */
const ADDRESSES = ["192.0.2.1", "192.0.2.200", "10.1.0.1"];
const BLOCKS = ["0.0.0.0/0", "192.0.2.0/24", "192.0.2.128/25", "10.0.0.0/8", "10.244.0.0/16", "10.1.0.1/32"];
const PROTOCOLS: Protocol[] = ["TCP", "UDP"];
const PORTS = [80, 81, 90];

const labels = fc.dictionary(fc.constantFrom(...KEYS), fc.constantFrom(...VALUES), { noNullPrototype: true });
const expression = fc.record({
  key: fc.constantFrom(...KEYS),
  operator: fc.constantFrom("In", "NotIn", "Exists", "DoesNotExist"),
  values: fc.subarray(VALUES),
});
const selector = fc.record(
  { matchLabels: labels, matchExpressions: fc.array(expression, { maxLength: 2 }) },
  { requiredKeys: [] },
);
const peer = fc.oneof(
  fc.record({ podSelector: selector }),
  fc.record({ namespaceSelector: selector }),
  fc.record({ podSelector: selector, namespaceSelector: selector }),
  fc.record({
    ipBlock: fc.record({
      cidr: fc.constantFrom(...BLOCKS),
      except: fc.array(fc.constantFrom(...BLOCKS), { maxLength: 1 }),
    }),
  }),
);
const port = fc.oneof(
  fc.record({ protocol: fc.constantFrom(...PROTOCOLS) }),
  fc.record({ port: fc.constantFrom(...PORTS), protocol: fc.constantFrom(...PROTOCOLS) }),
  fc.record({ port: fc.constant(80), endPort: fc.constantFrom(80, 85, 90) }),
  fc.record({ port: fc.constantFrom("http", "other"), protocol: fc.constantFrom(...PROTOCOLS) }),
);
const list = <T>(of: fc.Arbitrary<T>) => fc.option(fc.array(of, { maxLength: 2 }), { nil: undefined });
const policySpec = fc.record({
  podSelector: selector,
  policyTypes: fc.option(fc.subarray(["Ingress", "Egress"]), { nil: undefined }),
  ingress: list(fc.record({ from: list(peer), ports: list(port) })),
  egress: list(fc.record({ to: list(peer), ports: list(port) })),
});
const containerPort = fc.record({
  name: fc.constantFrom("http", "other"),
  containerPort: fc.constantFrom(...PORTS),
  protocol: fc.constantFrom(...PROTOCOLS),
});

/** A small world, and one connection in it. */
export const universe: fc.Arbitrary<{ view: NetworkView; connection: Connection }> = fc
  .record({
    namespaces: fc.tuple(labels, labels),
    pods: fc.array(
      fc.record({
        namespace: fc.constantFrom(...NAMES),
        labels,
        ports: fc.uniqueArray(containerPort, { maxLength: 2, selector: ({ name }) => name }),
      }),
      { minLength: 2, maxLength: 3 },
    ),
    policies: fc.array(fc.record({ namespace: fc.constantFrom(...NAMES), spec: policySpec }), {
      maxLength: 4,
    }),
    ends: fc.tuple(fc.nat(8), fc.nat(8)),
    port: fc.constantFrom(...PORTS),
    protocol: fc.constantFrom(...PROTOCOLS),
  })
  .map(({ namespaces, pods, policies, ends, port, protocol }) => {
    const objects: KubernetesObject[] = [
      ...namespaces.map((labels, i) => object("v1", "Namespace", { name: NAMES[i] ?? "", labels }, {})),
      ...pods.map(({ namespace, labels, ports }, i) =>
        object(
          "apps/v1",
          "Deployment",
          { namespace, name: `pod-${i}` },
          {
            template: { metadata: { labels }, spec: { containers: [{ ports }] } },
          },
        ),
      ),
      ...policies.map(({ namespace, spec }, i) =>
        object("networking.k8s.io/v1", "NetworkPolicy", { namespace, name: `policy-${i}` }, spec),
      ),
    ];
    const view = networkView(objects, ["10.244.0.0/16"]);
    const parties: Party[] = [
      ...view.pods.map((pod) => ({ kind: "pod" as const, pod })),
      ...ADDRESSES.map(addressParty),
    ];
    const end = (index: number) => parties[index % parties.length] as Party;
    return { view, connection: { from: end(ends[0]), to: end(ends[1]), port, protocol } };
  });

function object(
  apiVersion: string,
  kind: string,
  metadata: KubernetesObject["metadata"],
  spec: Record<string, unknown>,
): KubernetesObject {
  return { apiVersion, kind, metadata, spec };
}

/**
 * The same question answered the long way: every policy becomes the set of all (end, port, protocol) that it names,
 * by walking through all of them. `pods`: whether an ipBlock that holds the pods' addresses lets pods through.
 */
export function bruteForce(
  view: NetworkView,
  { from, to, port, protocol }: Connection,
  pods: boolean,
): boolean {
  if (from.kind === "pod" && to.kind === "pod" && from.pod === to.pod) return true;
  const wanted = `${port}/${protocol}`;
  const say = (way: "ingress" | "egress", subject: Party, other: Party): boolean => {
    if (subject.kind !== "pod") return true;
    const mine = view.policies.filter(
      (p) =>
        p.namespace === subject.pod.namespace && holds(p.podSelector, subject.pod.labels) && p.isolates[way],
    );
    if (mine.length === 0) return true;
    const allowed = new Set<string>();
    for (const policy of mine)
      for (const rule of policy.rules[way]) {
        const isPeer =
          rule.peers.length === 0 || rule.peers.some((p) => isOneOf(view, policy.namespace, p, other, pods));
        if (!isPeer) continue;
        const receiver = way === "ingress" ? subject : other;
        const numbers = Array.from({ length: 101 }, (_, n) => n);
        for (const number of numbers)
          for (const kind of PROTOCOLS) {
            const names =
              receiver.kind === "pod"
                ? receiver.pod.ports.filter((p) => p.containerPort === number && p.protocol === kind)
                : [];
            const fits = rule.ports.some((p) => {
              if (p.protocol !== kind) return false;
              if (p.port === undefined) return true;
              if (typeof p.port === "string") return names.some(({ name }) => name === p.port);
              return p.endPort === undefined ? number === p.port : number >= p.port && number <= p.endPort;
            });
            if (rule.ports.length === 0 || fits) allowed.add(`${number}/${kind}`);
          }
      }
    return allowed.has(wanted);
  };
  return say("egress", from, to) && say("ingress", to, from);
}

type Selector = NetworkView["policies"][number]["podSelector"];
type Peer = NetworkView["policies"][number]["rules"]["ingress"][number]["peers"][number];

function holds(selector: Selector, labels: Readonly<Record<string, string>>): boolean {
  for (const key in selector.matchLabels) if (labels[key] !== selector.matchLabels[key]) return false;
  for (const { key, operator, values = [] } of selector.matchExpressions ?? []) {
    const has = key in labels;
    const within = has && values.some((value) => value === labels[key]);
    const fits = { In: within, NotIn: !within, Exists: has, DoesNotExist: !has }[operator];
    if (fits !== true) return false;
  }
  return true;
}

function isOneOf(view: NetworkView, home: string, peer: Peer, other: Party, pods: boolean): boolean {
  if (peer.ipBlock !== undefined) {
    const { cidr, except = [] } = peer.ipBlock;
    if (other.kind === "pod") {
      // Of the blocks here, these hold addresses of pods, and an exception takes all of them out or none.
      const holdsPods = (block: string) => ["0.0.0.0/0", "10.0.0.0/8", "10.244.0.0/16"].includes(block);
      return pods && holdsPods(cidr) && !except.some(holdsPods);
    }
    return within(other.text, cidr) && !except.some((block) => within(other.text, block));
  }
  if (other.kind !== "pod") return false;
  const { namespace, labels } = other.pod;
  const place =
    peer.namespaceSelector === undefined
      ? namespace === home
      : holds(peer.namespaceSelector, view.namespaces.get(namespace) ?? {});
  return place && (peer.podSelector === undefined || holds(peer.podSelector, labels));
}

function within(address: string, cidr: string): boolean {
  const [base = "", length = "32"] = cidr.split("/");
  const bits = (text: string) =>
    text
      .split(".")
      .map((part) => Number(part).toString(2).padStart(8, "0"))
      .join("");
  return bits(address).slice(0, Number(length)) === bits(base).slice(0, Number(length));
}
