import { SlipwayError } from "../http/errors.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** A variable of MLflow's server that asks for what isn't offered, with the values that ask for nothing. */
interface NotOffered {
  name: string;
  harmless: RegExp;
  hint: string;
}

const NOT_OFFERED: readonly NotOffered[] = [
  {
    name: "MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE",
    harmless: /^(false|0)?$/i,
    hint: "Host and Origin are always checked. Name the hosts in MLFLOW_SERVER_ALLOWED_HOSTS or by --allow-host.",
  },
  {
    name: "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS",
    harmless: /^$/,
    hint: "Pages of other origins can't call this platform. Serve such a page below the same host, behind one proxy.",
  },
  {
    name: "MLFLOW_SERVER_X_FRAME_OPTIONS",
    harmless: /^(|deny|sameorigin)$/i,
    hint: "The console is never shown in a frame.",
  },
  {
    name: "MLFLOW_BASIC_AUTH_FAIL_CLOSED",
    harmless: /^(true|1)?$/i,
    hint: "A route without its row in the table of access doesn't start.",
  },
];

/**
 * Host names of MLFLOW_SERVER_ALLOWED_HOSTS, beside those of `--allow-host`. USAGE where a variable of MLflow's server
 * would loosen what this platform never does: it isn't ignored in silence. Pure.
 */
export function mlflowAllowedHosts(env: Environment): string[] {
  for (const { name, harmless, hint } of NOT_OFFERED) {
    const given = (env[name] ?? "").trim();
    if (!harmless.test(given))
      throw new SlipwayError("USAGE", `the environment variable ${name} asks for what isn't offered`, {
        where: name,
        given: given.slice(0, 100),
        hint: `${hint} Take the variable away to start.`,
      });
  }
  const hosts = (env["MLFLOW_SERVER_ALLOWED_HOSTS"] ?? "").split(",").map((host) => host.trim());
  return hosts.filter((host) => host !== "");
}
