import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { SlipwayError } from "../../../http/errors.ts";

/** Where an API server is, and how one proves who one is. */
export interface ClusterAccess {
  /** As messages name it: the context's name, `in-cluster` inside of a pod. */
  context: string;
  server: URL;
  tls: { ca?: string; serverName?: string; isInsecure: boolean };
  user: ClusterUser;
}

export interface ClusterUser {
  cert?: string;
  key?: string;
  token?: string;
  /** Read anew for every use: what lies there is rotated. */
  tokenFile?: string;
  basic?: { username: string; password: string };
  exec?: ExecPlugin;
}

/** A program that answers credentials (`client.authentication.k8s.io`). */
export interface ExecPlugin {
  apiVersion: string;
  command: string;
  args: readonly string[];
  env: Readonly<Record<string, string>>;
  /** Shown when the program isn't installed. */
  installHint?: string;
  provideClusterInfo: boolean;
  /** Where a relative command is looked for. */
  folder: string;
}

export interface KubeconfigChoice {
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  /** A file; else those that KUBECONFIG names, else `~/.kube/config`, else the pod's own service account. */
  kubeconfig?: string;
  /** Else the file's current one. */
  context?: string;
}

const text = z.string().nullish();
const clusterSchema = z.looseObject({
  server: z.string(),
  "certificate-authority": text,
  "certificate-authority-data": text,
  "tls-server-name": text,
  "insecure-skip-tls-verify": z.boolean().nullish(),
  "proxy-url": text,
});
const execSchema = z.looseObject({
  apiVersion: z.string(),
  command: z.string(),
  args: z.array(z.string()).nullish(),
  env: z.array(z.object({ name: z.string(), value: z.string() })).nullish(),
  installHint: text,
  provideClusterInfo: z.boolean().nullish(),
});
const userSchema = z.looseObject({
  "client-certificate": text,
  "client-certificate-data": text,
  "client-key": text,
  "client-key-data": text,
  token: text,
  tokenFile: text,
  username: text,
  password: text,
  exec: execSchema.nullish(),
  "auth-provider": z.unknown().optional(),
});
const configSchema = z.looseObject({
  "current-context": text,
  clusters: z.array(z.object({ name: z.string(), cluster: clusterSchema })).nullish(),
  contexts: z
    .array(z.object({ name: z.string(), context: z.looseObject({ cluster: z.string(), user: text }) }))
    .nullish(),
  users: z.array(z.object({ name: z.string(), user: userSchema.nullish() })).nullish(),
});
type Config = z.infer<typeof configSchema>;

const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

/** Finds and reads the kubeconfig as kubectl does. CLUSTER_CONFIG_* errors say what is missing. */
export function readKubeconfig(choice: KubeconfigChoice): ClusterAccess {
  const files = configFiles(choice);
  if (files.length === 0) return inCluster(choice);
  const configs = files.map((file) => ({ file, config: readConfig(file) }));
  const context =
    choice.context ?? configs.map(({ config }) => config["current-context"]).find((name) => !!name);
  if (!context)
    throw new SlipwayError("CLUSTER_CONFIG_INVALID", "no context is chosen", {
      where: files.join(", "),
      allowed: "--context, or current-context in the file",
    });
  const found = firstNamed(configs, "contexts", context);
  if (found === undefined)
    throw new SlipwayError("CLUSTER_CONTEXT_UNKNOWN", `no context is named ${context}`, {
      where: files.join(", "),
      given: context,
      allowed: configs.flatMap(({ config }) => (config.contexts ?? []).map(({ name }) => name)).join(", "),
    });
  const { cluster: clusterName, user: userName } = found.entry.context;
  const cluster = firstNamed(configs, "clusters", clusterName);
  if (cluster === undefined) throw missing("cluster", clusterName, found.file);
  const user = userName ? firstNamed(configs, "users", userName) : undefined;
  if (userName && user === undefined) throw missing("user", userName, found.file);
  return {
    context,
    ...clusterOf(cluster.entry.cluster, cluster.file),
    user: user?.entry.user ? userOf(user.entry.user, user.file) : {},
  };
}

function missing(kind: string, name: string, file: string): SlipwayError {
  return new SlipwayError("CLUSTER_CONFIG_INVALID", `the context names a ${kind} that isn't there`, {
    where: file,
    given: name,
  });
}

function configFiles({ env, cwd, kubeconfig }: KubeconfigChoice): string[] {
  if (kubeconfig !== undefined) return [resolve(cwd, kubeconfig)];
  if (env.KUBECONFIG) {
    const named = env.KUBECONFIG.split(delimiter).filter((path) => path !== "");
    const there = named.map((path) => resolve(cwd, path)).filter((path) => existsSync(path));
    if (there.length > 0) return there;
    throw new SlipwayError("CLUSTER_CONFIG_MISSING", "no file that KUBECONFIG names exists", {
      given: env.KUBECONFIG,
    });
  }
  const usual = join(env.HOME ?? homedir(), ".kube", "config");
  return existsSync(usual) ? [usual] : [];
}

function inCluster({ env, context }: KubeconfigChoice): ClusterAccess {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
  const tokenFile = join(SERVICE_ACCOUNT, "token");
  if (!host || context !== undefined || !existsSync(tokenFile))
    throw new SlipwayError("CLUSTER_CONFIG_MISSING", "there is no kubeconfig");
  const name = host.includes(":") ? `[${host}]` : host;
  return {
    context: "in-cluster",
    server: new URL(`https://${name}:${port ?? "443"}`),
    tls: { ca: readFileSync(join(SERVICE_ACCOUNT, "ca.crt"), "utf8"), isInsecure: false },
    user: { tokenFile },
  };
}

function readConfig(file: string): Config {
  let data: unknown;
  try {
    data = parse(readFileSync(file, "utf8"));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    throw new SlipwayError(
      code === "ENOENT" ? "CLUSTER_CONFIG_MISSING" : "CLUSTER_CONFIG_INVALID",
      code === "ENOENT"
        ? "the kubeconfig doesn't exist"
        : `the kubeconfig can't be read: ${(error as Error).message}`,
      { where: file, cause: error },
    );
  }
  const parsed = configSchema.safeParse(data);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new SlipwayError("CLUSTER_CONFIG_INVALID", `the kubeconfig is wrong: ${issue?.message ?? ""}`, {
    where: `${file}: ${issue?.path.join(".") ?? ""}`,
  });
}

type Lists = "clusters" | "contexts" | "users";
type Entry<L extends Lists> = NonNullable<Config[L]>[number];

/** Where several files know a name, the first one counts. */
function firstNamed<L extends Lists>(
  configs: readonly { file: string; config: Config }[],
  list: L,
  name: string,
): { entry: Entry<L>; file: string } | undefined {
  for (const { file, config } of configs) {
    const entry = ((config[list] ?? []) as Entry<L>[]).find((one) => one.name === name);
    if (entry !== undefined) return { entry, file };
  }
  return undefined;
}

function clusterOf(
  cluster: z.infer<typeof clusterSchema>,
  file: string,
): Pick<ClusterAccess, "server" | "tls"> {
  if (cluster["proxy-url"])
    throw new SlipwayError("CLUSTER_CONFIG_INVALID", "proxy-url isn't understood yet", {
      where: file,
      given: cluster["proxy-url"],
      allowed: "a server that is reached directly, or through a tunnel such as `ssh -L`",
    });
  if (!URL.canParse(cluster.server))
    throw new SlipwayError("CLUSTER_CONFIG_INVALID", "the cluster's server is no address", {
      where: file,
      given: cluster.server,
    });
  const ca = inline(cluster, "certificate-authority", file);
  const serverName = cluster["tls-server-name"];
  return {
    server: new URL(cluster.server),
    tls: {
      ...(ca === undefined ? {} : { ca }),
      ...(serverName ? { serverName } : {}),
      isInsecure: cluster["insecure-skip-tls-verify"] === true,
    },
  };
}

function userOf(user: z.infer<typeof userSchema>, file: string): ClusterUser {
  if (user["auth-provider"] !== undefined && user["auth-provider"] !== null)
    throw new SlipwayError("CLUSTER_CONFIG_INVALID", "auth-provider was removed from Kubernetes", {
      where: file,
      allowed: "exec with the provider's credential plug-in",
    });
  const cert = inline(user, "client-certificate", file);
  const key = inline(user, "client-key", file);
  return {
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(user.token ? { token: user.token } : {}),
    ...(user.tokenFile ? { tokenFile: resolve(dirname(file), user.tokenFile) } : {}),
    ...(user.username ? { basic: { username: user.username, password: user.password ?? "" } } : {}),
    ...(user.exec ? { exec: execOf(user.exec, file) } : {}),
  };
}

function execOf(exec: z.infer<typeof execSchema>, file: string): ExecPlugin {
  return {
    apiVersion: exec.apiVersion,
    command: exec.command,
    args: exec.args ?? [],
    env: Object.fromEntries((exec.env ?? []).map(({ name, value }) => [name, value])),
    ...(exec.installHint ? { installHint: exec.installHint } : {}),
    provideClusterInfo: exec.provideClusterInfo === true,
    folder: dirname(file),
  };
}

/** PEM text from `<key>-data` in base64, or from the file that `<key>` names, relative to the kubeconfig. */
function inline<K extends string>(
  holder: { readonly [name in K | `${K}-data`]?: string | null | undefined },
  key: K,
  file: string,
): string | undefined {
  const data = holder[`${key}-data`];
  if (data) return Buffer.from(data, "base64").toString("utf8");
  const path = holder[key];
  if (!path) return undefined;
  try {
    return readFileSync(resolve(dirname(file), path), "utf8");
  } catch (error) {
    throw new SlipwayError("CLUSTER_CONFIG_INVALID", `${key} can't be read`, {
      where: file,
      given: path,
      cause: error,
    });
  }
}
