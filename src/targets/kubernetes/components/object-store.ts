import { z } from "zod";
import { complain } from "../../../spec/fields.ts";
import { cidr, objectName } from "../../../spec/platform/fields.ts";
import { defineComponent } from "../component.ts";

const FROM = ["components", "objectStore"] as const;
const KEY = () => z.string().min(1).max(253);

const options = z.strictObject({
  endpoint: z
    .url({ protocol: /^https?$/ })
    .max(500)
    .superRefine((text, ctx) => {
      // Without these a bucket's path would be taken for a part of the address.
      if (new URL(text).pathname !== "/")
        complain(ctx, "has a path", {
          rule: "endpoint",
          allowed: "an address without a path, such as https://s3.eu-central-1.amazonaws.com",
        });
    })
    .describe("Any store that speaks S3; AWS's regional address for AWS."),
  bucket: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, "isn't a bucket's name")
    .describe("It must be there: nobody makes it."),
  region: z.string().min(1).max(100).default("us-east-1").describe("Signatures name it."),
  credentials: z
    .strictObject({
      secret: objectName().describe(
        "Secret in the platform's namespace, of a user that may do no more than this bucket needs.",
      ),
      accessKeyId: KEY().default("accessKeyId").describe("Key in it."),
      secretAccessKey: KEY().default("secretAccessKey").describe("Key in it."),
    })
    .describe("Who the platform is there."),
  direct: z
    .boolean()
    .default(true)
    .describe(
      "Clients get addresses of the store itself for large files; false where they can't reach it: all goes through the platform.",
    ),
  network: cidr().default("0.0.0.0/0").describe("Addresses that policies open towards it."),
});

/** Any S3 endpoint: it is stated, not run. Slipway runs none, since the one that everybody ran is no longer kept up. */
export const objectStore = defineComponent({
  name: "objectStore",
  summary: "An S3-compatible store that you have: artifacts, prediction logs, backups.",
  options,
  locked: [],
  publish: ({ options: { endpoint, bucket, region, credentials, network, direct } }) => {
    const { protocol, port } = new URL(endpoint);
    const { secret, accessKeyId, secretAccessKey } = credentials;
    return {
      objectStore: {
        endpoint: endpoint.replace(/\/$/, ""),
        region,
        bucket,
        accessKeyId: { name: secret, key: accessKeyId },
        secretAccessKey: { name: secret, key: secretAccessKey },
        direct,
        network: { kind: "outside", cidr: network },
        port: port === "" ? (protocol === "https:" ? 443 : 80) : Number(port),
      },
    };
  },
  render: ({ platform, options: { credentials } }) => ({
    objects: [],
    secrets: [
      {
        namespace: platform.namespace,
        name: credentials.secret,
        keys: [credentials.accessKeyId, credentials.secretAccessKey],
        made: { how: "given" },
        from: [...FROM, "credentials"],
      },
    ],
  }),
});
