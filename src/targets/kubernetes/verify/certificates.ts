import type { ClusterClient, LiveObject } from "../cluster/client.ts";
import { failed, passed } from "./checks.ts";
import type { Check } from "./checks.ts";

/** cert-manager renews after two thirds of a certificate's life: so near its end something is wrong. */
const NEAR_MS = 14 * 86_400_000;

interface CertificateStatus {
  notAfter?: string;
  conditions?: { type: string; status: string; message?: string }[];
}

/** Certificates of the platform's namespaces: issued, and far from their end. */
export async function checkCertificates(
  client: ClusterClient,
  namespaces: ReadonlySet<string>,
  now: number,
): Promise<Check[]> {
  const all = await client.listKind("cert-manager.io/v1", "Certificate");
  return all
    .filter(({ metadata }) => namespaces.has(metadata.namespace ?? ""))
    .map((certificate) => checkCertificate(certificate, now));
}

function checkCertificate(certificate: LiveObject, now: number): Check {
  const name = `certificate ${certificate.metadata.namespace ?? ""}/${certificate.metadata.name}`;
  const { notAfter, conditions = [] } = (certificate["status"] ?? {}) as CertificateStatus;
  const ready = conditions.find(({ type }) => type === "Ready");
  if (ready?.status !== "True") return failed(name, ready?.message ?? "isn't issued yet");
  const left = Date.parse(notAfter ?? "") - now;
  if (Number.isNaN(left)) return failed(name, "doesn't say when it ends");
  const days = Math.floor(left / 86_400_000);
  if (left <= 0) return failed(name, `ended on ${notAfter ?? ""}`);
  if (left < NEAR_MS) return failed(name, `ends in ${days} days and wasn't renewed`);
  return passed(name, `ends in ${days} days`);
}
