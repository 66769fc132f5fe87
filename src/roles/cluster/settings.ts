import { SlipwayError } from "../../http/errors.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

interface Wanted {
  /** Said when the value isn't right. */
  allowed: string;
  isRight?: (text: string) => boolean;
  /** Not to be shown, even when it is wrong. */
  isSecret?: boolean;
}

/** SETTING_MISSING or SETTING_INVALID, naming the variable. */
export function setting(env: Environment, name: string, wanted: Wanted): string {
  const text = optional(env, name, wanted);
  if (text !== undefined) return text;
  throw new SlipwayError("SETTING_MISSING", `${name} isn't set`, { where: name, allowed: wanted.allowed });
}

/** undefined when it isn't set, or empty. */
export function optional(env: Environment, name: string, wanted: Wanted): string | undefined {
  const text = env[name];
  if (text === undefined || text === "") return undefined;
  if (wanted.isRight === undefined || wanted.isRight(text)) return text;
  throw new SlipwayError("SETTING_INVALID", `${name} can't be that`, {
    where: name,
    given: wanted.isSecret === true ? "not shown" : text.slice(0, 200),
    allowed: wanted.allowed,
  });
}

/** A whole number of `least` or more; SETTING_MISSING when it isn't set and there is no default. */
export function whole(env: Environment, name: string, least: number, byDefault?: number): number {
  const isRight = (text: string): boolean => /^\d{1,15}$/.test(text) && Number(text) >= least;
  const wanted = { allowed: `a whole number from ${least}`, isRight };
  if (byDefault === undefined) return Number(setting(env, name, wanted));
  return Number(optional(env, name, wanted) ?? byDefault);
}

export const HTTP_ADDRESS: Wanted = {
  allowed: "an address that begins with http:// or https://",
  isRight: (text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol),
};

export const ABSOLUTE_PATH: Wanted = { allowed: "an absolute path", isRight: (text) => text.startsWith("/") };

export function port(env: Environment, name: string, byDefault: number): number {
  const isRight = (text: string): boolean => /^\d{1,5}$/.test(text) && Number(text) <= 65_535;
  return Number(optional(env, name, { allowed: "a port, 0 to 65535", isRight }) ?? byDefault);
}

/** "host:port", or undefined; brackets around an IPv6 address. */
export function parseHostPort(text: string): { host: string; port: number } | undefined {
  const [, host, digits] = /^(\[[0-9a-f:.]+\]|[^:/\s]+):(\d{1,5})$/i.exec(text) ?? [];
  if (host === undefined || Number(digits) > 65_535) return undefined;
  return { host: host.replace(/^\[|\]$/g, ""), port: Number(digits) };
}

/** At least one. SETTING_MISSING or SETTING_INVALID, naming the variable. */
export function hostPorts(env: Environment, name: string): { host: string; port: number }[] {
  const text = setting(env, name, {
    allowed: "host:port, or several with commas between; a name may stand for several pods",
    isRight: (given) => given.split(",").every((one) => parseHostPort(one.trim()) !== undefined),
  });
  return text.split(",").flatMap((one) => parseHostPort(one.trim()) ?? []);
}
