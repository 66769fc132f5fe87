import { hostPorts, port, type Environment } from "./settings.ts";
import { sharedSettings, type SharedSettings } from "./shared-settings.ts";

export interface ServeSettings extends SharedSettings {
  httpPort: number;
  grpcPort: number;
  adminPort: number;
  /** Control pods, or names that stand for several: any of them will do. */
  control: readonly { host: string; port: number }[];
  temporary: string;
}

/** What serve is told by variables. SETTING_MISSING and SETTING_INVALID name the variable. */
export function serveSettings(env: Environment): ServeSettings {
  return {
    ...sharedSettings(env),
    httpPort: port(env, "SLIPWAY_PORT", 4600),
    grpcPort: port(env, "SLIPWAY_GRPC_PORT", 4601),
    adminPort: port(env, "SLIPWAY_ADMIN_PORT", 4605),
    control: hostPorts(env, "SLIPWAY_CONTROL"),
    temporary: env["TMPDIR"] || "/tmp",
  };
}
