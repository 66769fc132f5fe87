import { SlipwayError } from "../../../http/errors.ts";
import type { Pod } from "../pod-template.ts";
import { partiesNamed, readEnd, serviceSpec } from "./ends.ts";
import type { AskedEnd, NamedEnds } from "./ends.ts";
import { evaluate } from "./evaluate.ts";
import type { Answer, Side } from "./evaluate.ts";
import type { Protocol } from "./policy.ts";
import type { Party } from "./view.ts";

/** What the policies say to one caller, one called end and one port. */
export interface CanAnswer {
  from: string;
  to: string;
  port: number;
  protocol: Protocol;
  answer: Answer;
  /** What the caller's policies say, and what the called pod's do. */
  egress: CanSide;
  ingress: CanSide;
}

export interface CanSide {
  answer: Answer;
  /** Policies that isolate this end: `namespace/name`. None: everything passes. */
  isolating: readonly string[];
  /** Rules that let it through, surely or in part: `team-a/allow-dns egress[0]`. */
  letBy: readonly string[];
}

/**
 * Whether `from` may open a connection to `to`, by the NetworkPolicies that are rendered. Ends are named as `ends.ts`
 * says; `to` may end in `:port`, a number or a name, with `/udp`. A Service's port is followed to that of its pods.
 * Without a port, every port that the called pods list is asked. NOT_FOUND, USAGE.
 */
export function can(ends: NamedEnds, from: string, to: string): CanAnswer[] {
  const asked = readEnd(to);
  const callers = partiesNamed(ends, readEnd(from).name);
  return partiesNamed(ends, asked.name).flatMap((called) =>
    portsOf(ends, asked, called).flatMap(({ port, protocol }) =>
      callers.map((caller): CanAnswer => {
        const verdict = evaluate(ends.view, { from: caller, to: called, port, protocol });
        return {
          from: describe(caller),
          to: describe(called),
          port,
          protocol,
          answer: verdict.answer,
          egress: sideOf(verdict.egress, "egress"),
          ingress: sideOf(verdict.ingress, "ingress"),
        };
      }),
    ),
  );
}

function sideOf({ answer, isolating, letBy }: Side, way: "egress" | "ingress"): CanSide {
  const nameOf = ({ namespace, name }: { namespace: string; name: string }) => `${namespace}/${name}`;
  return {
    answer,
    isolating: isolating.map(nameOf),
    letBy: letBy.map(({ policy, rule }) => `${nameOf(policy)} ${way}[${rule}]`),
  };
}

interface PortAsked {
  port: number;
  protocol: Protocol;
}

function portsOf(ends: NamedEnds, asked: AskedEnd, called: Party): PortAsked[] {
  if (called.kind === "addresses") {
    if (typeof asked.port === "number") return [{ port: asked.port, protocol: asked.protocol ?? "TCP" }];
    throw noPort(asked, called, "a number: addresses have no names of ports");
  }
  const own = called.pod.ports.map(({ name, containerPort, protocol = "TCP" }) => ({
    name,
    port: containerPort,
    protocol: protocol as Protocol,
  }));
  const target = behindService(ends, asked) ?? asked.port;
  const fits = own.filter(
    ({ name, port, protocol }) =>
      (target === undefined || target === port || target === name) &&
      (asked.protocol === undefined || asked.protocol === protocol),
  );
  if (fits.length > 0) return fits.map(({ port, protocol }) => ({ port, protocol }));
  // A pod needn't list what it listens on.
  if (typeof target === "number") return [{ port: target, protocol: asked.protocol ?? "TCP" }];
  const names = own.flatMap(({ name, port }) => [...(name === undefined ? [] : [name]), String(port)]);
  throw noPort(asked, called, names.join(", ") || "a number: its pods list no ports");
}

/** The port of the pods, where what is named is a port of a Service and no workload has its name. */
function behindService({ view, objects }: NamedEnds, { name, port }: AskedEnd): number | string | undefined {
  const [namespace = "", service = ""] = name.split("/");
  if (view.pods.some((pod) => pod.namespace === namespace && pod.name === service && listensOn(pod, port)))
    return undefined;
  const found = serviceSpec(objects, namespace, service)?.ports?.find(
    (one) => one.port === port || (one.name !== undefined && one.name === port),
  );
  return found === undefined ? undefined : (found.targetPort ?? found.port);
}

function listensOn({ ports }: Pod, port: number | string | undefined): boolean {
  return ports.some((one) => one.containerPort === port || one.name === port);
}

function noPort({ name, port }: AskedEnd, called: Party, allowed: string): SlipwayError {
  const message = port === undefined ? `${name} needs a port` : `${describe(called)} has no port ${port}`;
  return new SlipwayError("USAGE", message, { where: "TO", allowed });
}

function describe(party: Party): string {
  if (party.kind === "addresses") return party.text;
  const { namespace, name } = party.pod;
  return name === "" ? `any pod in ${namespace}` : `${namespace}/${name}`;
}
