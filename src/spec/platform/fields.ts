import { z } from "zod";
import { complain } from "../fields.ts";
import type { Subject } from "./platform.ts";

/** Kubernetes' form of a quantity, as far as people write it (no exponents). */
const CPU = /^(\d+m|\d+(\.\d{1,3})?)$/;
const MEMORY = /^\d+(\.\d+)?(Ki|Mi|Gi|Ti|Pi|k|M|G|T|P)$/;
/** An IPv4 or IPv6 range; that its numbers fit is the API server's to say of IPv6. */
const CIDR =
  /^((25[0-5]|2[0-4]\d|1?\d?\d)(\.(?!\/)|(?=\/))){4}\/(3[0-2]|[12]?\d)$|^[0-9a-f:]+\/(12[0-8]|1[01]\d|\d?\d)$/;
/** Name of an object (RFC 1123 subdomain). */
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
/** `registry.example.com:5000/team/image`, with a tag, a digest or both after it. */
const IMAGE = /^([a-z0-9.-]+(:\d+)?\/)?[a-z0-9._/-]+(:[\w][\w.-]{0,127})?(@sha256:[0-9a-f]{64})?$/;
const ENVIRONMENT_VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Cores: `8`, `0.5` or `500m`; as text, since that is what Kubernetes takes. */
export function cpuQuantity() {
  return z
    .union([z.number().positive().max(100_000), z.string()])
    .meta({ title: "number of cores", pattern: CPU.source, examples: [2, "500m"] })
    .transform((given, ctx): string => {
      const text = String(given);
      if (CPU.test(text) && Number.parseFloat(text) > 0) return text;
      complain(ctx, "isn't a number of cores", {
        rule: "quantity",
        allowed: "cores above 0, such as 2, 0.5 or 500m",
      });
      return z.NEVER;
    });
}

/** Bytes with a suffix: `512Mi`, `16Gi`. A bare number is refused: it would be bytes. */
export function memoryQuantity() {
  return z
    .string()
    .superRefine((text, ctx) => {
      if (!MEMORY.test(text) || Number.parseFloat(text) === 0)
        complain(ctx, "isn't a size", { rule: "quantity", allowed: "a size above 0, such as 512Mi or 16Gi" });
    })
    .meta({ title: "size", pattern: MEMORY.source, examples: ["512Mi", "16Gi"] });
}

/** A range of addresses, such as `10.42.0.0/16`. */
export function cidr() {
  return z
    .string()
    .superRefine((text, ctx) => {
      if (!CIDR.test(text))
        complain(ctx, "isn't a range of addresses", { rule: "cidr", allowed: "such as 10.42.0.0/16" });
    })
    .meta({ title: "range of addresses", examples: ["10.42.0.0/16"] });
}

/** Name of an object of Kubernetes. */
export function objectName() {
  return z
    .string()
    .max(253)
    .superRefine((text, ctx) => {
      if (!SUBDOMAIN.test(text))
        complain(ctx, "isn't an object's name", {
          rule: "object-name",
          allowed:
            "lower-case letters, digits, hyphens and dots, beginning and ending with a letter or digit",
        });
    })
    .meta({ title: "name of an object", pattern: SUBDOMAIN.source });
}

/** A host name below which others can lie. */
export function domain() {
  return z
    .string()
    .max(200)
    .superRefine((text, ctx) => {
      if (!SUBDOMAIN.test(text) || !text.split(".").every((part) => part.length <= 63))
        complain(ctx, "isn't a host name", { rule: "domain", allowed: "such as ml.example.com" });
    })
    .meta({ title: "host name", examples: ["ml.example.com"] });
}

/** A container image that says which: a tag that isn't `latest`, or a digest. */
export function image() {
  return z
    .string()
    .max(500)
    .superRefine((text, ctx) => {
      const match = IMAGE.exec(text);
      const [, , , tag, digest] = match ?? [];
      if (
        match === null ||
        (tag === undefined && digest === undefined) ||
        (tag === ":latest" && digest === undefined)
      )
        complain(ctx, match === null ? "isn't an image" : "doesn't say which image", {
          rule: "image",
          allowed:
            "a name with a digest or a tag other than latest, such as registry.example.com/slipway@sha256:…",
        });
    })
    .meta({
      title: "container image with a tag or digest",
      examples: ["registry.example.com/slipway:1.2.0"],
    });
}

/** A key of a Secret in the namespace of whoever uses it. Its value never stands in a file. */
export function secretKey() {
  return z.strictObject({
    secret: objectName().describe("The Secret's name."),
    key: z.string().min(1).max(253).describe("The key in it."),
  });
}

/** Name of an environment variable. */
export function variableName() {
  return z
    .string()
    .max(128)
    .superRefine((text, ctx) => {
      if (!ENVIRONMENT_VARIABLE.test(text))
        complain(ctx, "isn't the name of an environment variable", {
          rule: "variable",
          allowed: "letters, digits and _, not beginning with a digit",
        });
    });
}

/** `group:ml-admins`, `user:lead@example.com`, `serviceAccount:namespace/name`. */
export function subject() {
  const allowed = "group:NAME, user:NAME or serviceAccount:NAMESPACE/NAME, as the cluster knows them";
  return z
    .string()
    .max(300)
    .meta({ title: "person or group", examples: ["group:ml-admins", "user:lead@example.com"] })
    .transform((text, ctx): Subject => {
      const match = /^(group|user|serviceAccount):(\S(?:.*\S)?)$/.exec(text);
      const [, kind, name] = match ?? [];
      if (kind === "group" && name !== undefined) return { kind: "Group", name };
      if (kind === "user" && name !== undefined) return { kind: "User", name };
      const [namespace, account, ...more] = (name ?? "").split("/");
      if (namespace && account && more.length === 0)
        return { kind: "ServiceAccount", namespace, name: account };
      complain(ctx, "doesn't say who it is", { rule: "subject", allowed });
      return z.NEVER;
    });
}
