import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { z } from "zod";
import type { Clock } from "../../../base/clock.ts";
import { SlipwayError } from "../../../http/errors.ts";
import type { ClusterAccess, ExecPlugin } from "./kubeconfig.ts";

/** What proves to the API server who calls. */
export interface Proof {
  authorization?: string;
  cert?: string;
  key?: string;
}

/** A plug-in may open a browser for a person: it gets that long, in milliseconds. */
const EXEC_MS = 120_000;
/** A token of a plug-in or file is fetched anew so long before its end, in milliseconds. */
const EARLY_MS = 30_000;
/** A token file says no end: it is read again after so many milliseconds. */
const FILE_MS = 60_000;

const answerSchema = z.looseObject({
  status: z.looseObject({
    token: z.string().optional(),
    clientCertificateData: z.string().optional(),
    clientKeyData: z.string().optional(),
    expirationTimestamp: z.string().optional(),
  }),
});

/** Proofs for one cluster: those that change are fetched when they are needed, and kept while they are good. */
export class Credentials {
  readonly #access: ClusterAccess;
  readonly #clock: Clock;
  readonly #env: Readonly<Record<string, string | undefined>>;
  #kept: { proof: Proof; until: number } | undefined;

  constructor(
    access: ClusterAccess,
    { clock, env }: { clock: Clock; env: Readonly<Record<string, string | undefined>> },
  ) {
    this.#access = access;
    this.#clock = clock;
    this.#env = env;
  }

  /** Forgets what was fetched: the server refused it. Answers whether there is any use in trying again. */
  forget(): boolean {
    const hadSome = this.#kept !== undefined && this.#kept.until !== Number.POSITIVE_INFINITY;
    this.#kept = undefined;
    return hadSome;
  }

  /** CLUSTER_UNAUTHORIZED when nothing can be had. */
  async proof(): Promise<Proof> {
    if (this.#kept === undefined || this.#clock.now() >= this.#kept.until) this.#kept = await this.#fetch();
    return this.#kept.proof;
  }

  async #fetch(): Promise<{ proof: Proof; until: number }> {
    const { cert, key, token, tokenFile, basic, exec } = this.#access.user;
    const certificate = {
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    };
    const always = Number.POSITIVE_INFINITY;
    if (token !== undefined)
      return { proof: { ...certificate, authorization: `Bearer ${token}` }, until: always };
    if (tokenFile !== undefined) {
      const read = (await readFile(tokenFile, "utf8")).trim();
      return {
        proof: { ...certificate, authorization: `Bearer ${read}` },
        until: this.#clock.now() + FILE_MS,
      };
    }
    if (basic !== undefined) {
      const pair = Buffer.from(`${basic.username}:${basic.password}`).toString("base64");
      return { proof: { ...certificate, authorization: `Basic ${pair}` }, until: always };
    }
    if (exec !== undefined) return this.#run(exec);
    return { proof: certificate, until: always };
  }

  async #run(exec: ExecPlugin): Promise<{ proof: Proof; until: number }> {
    const parsed = answerSchema.safeParse(jsonOf(await this.#output(exec)));
    if (!parsed.success) throw refused(exec, "answered no ExecCredential");
    const { token, clientCertificateData, clientKeyData, expirationTimestamp } = parsed.data.status;
    const ends = expirationTimestamp === undefined ? Number.NaN : Date.parse(expirationTimestamp);
    return {
      proof: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(clientCertificateData === undefined ? {} : { cert: clientCertificateData }),
        ...(clientKeyData === undefined ? {} : { key: clientKeyData }),
      },
      until: Number.isNaN(ends) ? this.#clock.now() + FILE_MS * 10 : ends - EARLY_MS,
    };
  }

  #output(exec: ExecPlugin): Promise<string> {
    const { server, tls } = this.#access;
    const info = {
      apiVersion: exec.apiVersion,
      kind: "ExecCredential",
      spec: {
        interactive: false,
        ...(exec.provideClusterInfo
          ? {
              cluster: {
                server: server.href,
                ...(tls.ca === undefined
                  ? {}
                  : { "certificate-authority-data": Buffer.from(tls.ca).toString("base64") }),
                ...(tls.serverName === undefined ? {} : { "tls-server-name": tls.serverName }),
              },
            }
          : {}),
      },
    };
    // A path is taken from the kubeconfig's folder; a bare name from PATH.
    const command = exec.command.includes("/") ? resolve(exec.folder, exec.command) : exec.command;
    return new Promise((done, fail) => {
      execFile(
        command,
        [...exec.args],
        {
          timeout: EXEC_MS,
          maxBuffer: 1024 * 1024,
          env: { ...this.#env, ...exec.env, KUBERNETES_EXEC_INFO: JSON.stringify(info) },
        },
        (error, stdout, stderr) => {
          if (error === null) return done(stdout);
          const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
          const said = stderr.trim().split("\n").at(-1) ?? "";
          fail(refused(exec, isMissing ? "isn't installed" : `failed${said === "" ? "" : `: ${said}`}`));
        },
      );
    });
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function refused(exec: ExecPlugin, what: string): SlipwayError {
  const facts = exec.installHint === undefined ? {} : { hint: exec.installHint };
  return new SlipwayError("CLUSTER_UNAUTHORIZED", `the credential plug-in ${exec.command} ${what}`, facts);
}
