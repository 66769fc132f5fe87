import { SlipwayError } from "../../http/errors.ts";

/** Where artifacts lie in an S3-compatible store. Holds no secret, so it may be shown. */
export interface S3Config {
  bucket: string;
  /** Everything lies below it; without slashes at its ends, "" is the whole bucket. */
  prefix: string;
  region: string;
  /** Scheme, host and port of the store; nothing else is ever called. */
  endpoint: string;
  /** The bucket is the path's first part; else the first label of the host, as AWS prefers it. */
  pathStyle: boolean;
}

const DEFAULT_REGION = "us-east-1";

/**
 * The location of `s3://bucket/prefix`. Without an endpoint it is AWS's own of the region. USAGE names the option
 * and what it takes.
 */
export function readS3Config(
  destination: string,
  given: { endpoint?: string; region?: string; pathStyle?: boolean },
  option = "--artifacts",
): S3Config {
  const [, bucket = "", prefix = ""] = /^s3:\/\/([^/?#]*)\/?([^?#]*)$/.exec(destination) ?? [];
  if (!/^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$/i.test(bucket) || bucket.includes(".."))
    throw usage(option, destination, "s3://bucket or s3://bucket/prefix");
  const parts = prefix.split("/").filter((part) => part !== "");
  if (parts.some((part) => part === "." || part === "..") || !/^[\w!.*'() /-]*$/.test(prefix))
    throw usage(option, destination, "a prefix of letters, digits and !-_.*'() without `..`");
  const region = given.region ?? DEFAULT_REGION;
  if (!/^[a-z0-9-]{1,40}$/i.test(region)) throw usage("--artifacts-region", region, "such as eu-central-1");
  const endpoint =
    given.endpoint === undefined
      ? `https://s3.${region}.amazonaws.com${region.startsWith("cn-") ? ".cn" : ""}`
      : originOf(given.endpoint);
  // Certificates of AWS name one label before the service's host: a bucket with dots needs the path style.
  const pathStyle = given.pathStyle ?? (given.endpoint !== undefined || bucket.includes("."));
  return { bucket, prefix: parts.join("/"), region, endpoint, pathStyle };
}

function originOf(given: string): string {
  let url: URL;
  try {
    url = new URL(given);
  } catch {
    throw usage("--artifacts-endpoint", given, "such as http://127.0.0.1:9000");
  }
  const isPlain = url.pathname === "/" && url.search === "" && url.hash === "" && url.username === "";
  if (!/^https?:$/.test(url.protocol) || !isPlain)
    throw usage(
      "--artifacts-endpoint",
      given.replace(/\/\/[^@/]*@/, "//…@"),
      "http:// or https://, a host and a port, nothing else",
    );
  return url.origin;
}

function usage(where: string, given: string, allowed: string): SlipwayError {
  return new SlipwayError("USAGE", "that isn't a place in an S3-compatible store", { where, given, allowed });
}
