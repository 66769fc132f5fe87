import { edge } from "./edge.ts";
import type { Edge, Source } from "./edge.ts";
import { Field } from "./field.ts";
import { textsIn } from "./texts.ts";
import type { World } from "./world.ts";

const HOST = /\bhttps?:\/\/(?:[^\s/@"']*@)?([a-z0-9](?:[-a-z0-9.]*[a-z0-9])?)/g;
const IN_CLUSTER = /^([^.]+)\.([^.]+)\.svc(?:\.cluster\.local)?$/;

/** Host names of the platform's domain in addresses, and the names that certificates are for. */
export function* hostEdges(source: Source, world: World): Iterable<Edge> {
  const isCharts = source.object.chart !== undefined;
  if (source.kind === "Certificate" && source.group === "cert-manager.io") {
    const spec = source.root.at("spec");
    for (const name of [spec.at("commonName"), ...spec.at("dnsNames").items])
      yield* ofCertificate(source, name, isCharts);
    return;
  }
  // A chart's own objects name what its project runs, not what this platform is asked for.
  if (isCharts || source.kind === "CustomResourceDefinition") return;
  const { domain } = world.rendered.platform;
  for (const field of textsIn(source.root, (text) => text.includes(domain)))
    for (const [, name = ""] of (field.text ?? "").matchAll(HOST))
      if (name === domain || name.endsWith(`.${domain}`))
        yield edge(source, "host", field, { is: "host", name, how: "served" });
}

/** `inCluster`: only names of Services. */
function* ofCertificate(source: Source, field: Field, inCluster: boolean): Iterable<Edge> {
  const name = field.text ?? "";
  const [, service, namespace] = IN_CLUSTER.exec(name) ?? [];
  if (service === "*" || !name.includes(".")) return;
  if (service !== undefined && namespace !== undefined)
    yield edge(source, "service-port", field, {
      is: "servicePort",
      namespace,
      name: service,
      port: undefined,
    });
  else if (!inCluster) yield edge(source, "host", field, { is: "host", name, how: "listened" });
}

/** Host names that a route or an ingress answers, that are stated in platform.yaml, or that a listener waits for. */
export function answeredHosts(world: World, how: "served" | "listened"): string[] {
  const routed = world.rendered.objects.flatMap(({ object }) => {
    const spec = new Field(object).at("spec");
    if (object.kind.endsWith("Route")) return spec.at("hostnames").texts;
    if (object.kind === "Ingress")
      return spec.at("rules").items.flatMap((rule) => rule.at("host").text ?? []);
    if (object.kind === "Gateway" && how === "listened")
      return spec.at("listeners").items.flatMap((listener) => listener.at("hostname").text ?? []);
    return [];
  });
  const options = new Field(world.rendered.platform.components);
  const stated = textsIn(options, (text) => text.includes("://")).flatMap((field) =>
    [...(field.text ?? "").matchAll(HOST)].map(([, name = ""]) => name),
  );
  return [...routed, ...stated, ...world.rendered.given.hosts];
}
