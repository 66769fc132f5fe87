import { SlipwayError } from "../../http/errors.ts";
import { TENANT_HEADER } from "../../http/access.ts";
import { Http } from "../../import/driver/http.ts";
import { refusal } from "../../import/driver/platform.ts";

/** One of the two platforms of a push: where it is, and as whom it is called. */
export interface Side {
  /** Without a slash at the end. */
  url: string;
  /** The whole Authorization header. */
  authorization: string | undefined;
  tenant: string | undefined;
}

export interface Waiting {
  sleep(ms: number): Promise<void>;
  random(): number;
}

/** The headers that say who asks, and about which tenant. */
export function headersOf({ authorization, tenant }: Side): Record<string, string> {
  return {
    ...(authorization === undefined ? {} : { authorization }),
    ...(tenant === undefined ? {} : { [TENANT_HEADER]: tenant }),
  };
}

/** Calls a platform's own API; waits out what passes by itself, such as a restart. */
export class Peer {
  readonly side: Side;
  readonly #http: Http;

  constructor(side: Side, waiting: Waiting) {
    this.side = side;
    this.#http = new Http({
      base: `${side.url}/api/slipway/v1`,
      headers: { accept: "application/json", ...headersOf(side) },
      sleep: waiting.sleep,
      random: waiting.random,
      unreachable: (cause) =>
        new SlipwayError("PLATFORM_UNREACHABLE", `no platform answers at ${side.url}`, {
          given: cause instanceof Error ? cause.message : String(cause),
          hint: "Check the address, and that the platform runs; then run the same command again: it goes on.",
          cause,
        }),
      refusal,
    });
  }

  async get<Answer>(path: string): Promise<Answer> {
    return this.#read(await this.#http.text(path));
  }

  async post<Answer>(path: string, json: object): Promise<Answer> {
    return this.#read(await this.#http.text(path, { json }));
  }

  #read<Answer>(text: string): Answer {
    try {
      return JSON.parse(text) as Answer;
    } catch {
      throw new SlipwayError("PLATFORM_UNEXPECTED", `no Slipway platform seems to be at ${this.side.url}`, {
        given: text.slice(0, 100),
      });
    }
  }
}
