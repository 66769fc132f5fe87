import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { systemClock } from "../../base/clock.ts";
import type { Invocation } from "../../base/invocation.ts";
import { digestOf } from "../../http/credentials.ts";
import { EXPOSITION_TYPE } from "../../monitoring/exposition.ts";
import { metricsPage, type MetricSource } from "../../monitoring/metrics-routes.ts";
import { leaderMetrics, platformMetrics } from "../../monitoring/process-metrics.ts";
import { createGate, type Gate, type GateTarget } from "../../serving/front/gate.ts";
import { Election } from "../../store/leader-election.ts";
import { openLeaderRow } from "../../store/postgres/leader-row.ts";
import { composeControl, type Control } from "../compose-control.ts";
import { SOCKETS, type PlatformConfig } from "../config.ts";
import { logDefect, note } from "../process-log.ts";
import { controlSettings, type ControlSettings } from "./control-settings.ts";
import { exitBadSettings } from "./exit.ts";
import { platformIdOf, tunnelToken } from "./internal-tokens.ts";
import { parseHostPort } from "./settings.ts";
import { openClusterTarget } from "./target.ts";

const MAX_CONNECTIONS = 4_096;
const FIRST_LINE_MS = 10_000;
/** For which a connection waits while nobody leads: longer than it takes another one to begin. */
const PATIENCE_MS = 12_000;
const IDLE_MS = 15 * 60_000;
/** When the pod is ended: for what callers asked for, and for the connections that are handed on to the next leader. */
const DRAIN_MS = 6_000;
/** A caller that asks again so soon is told with its answer that the connection ends. */
const LINGER_MS = 1_000;
const TUNNELS_MS = 4_000;
/** Longest that ending may take before the process just ends; a pod has 30 s. */
const END_MS = 27_000;
const REACH_MS = 1_000;

/** `--role=control`: one of several control pods. The one that leads does the work, the others hand on to it. */
export async function controlRole(invocation: Invocation): Promise<void> {
  process.title = "slipway control";
  let settings: ControlSettings;
  try {
    settings = controlSettings(invocation);
  } catch (error) {
    return exitBadSettings(error);
  }
  process.on("unhandledRejection", (error) => logDefect(error, "unhandled rejection"));
  const member = new Member(settings);
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void member.end());
  try {
    await member.start();
  } catch (error) {
    logDefect(error, "start");
    process.exit(1);
  }
}

/** This process among those that may lead. */
class Member {
  readonly #settings: ControlSettings;
  readonly #config: PlatformConfig;
  readonly #probes: Server;
  readonly #gate: Gate;
  readonly #election: Election;
  readonly #leads: MetricSource;
  #control: Control | undefined;
  #isEnding = false;

  constructor(settings: ControlSettings) {
    this.#settings = settings;
    const { config, identity, address, postgres, temporary } = settings;
    this.#config = { ...config, runDir: mkdtempSync(join(temporary, "slipway-control-")) };
    this.#leads = leaderMetrics(() => this.#election.standing?.is === "leading");
    this.#probes = createServer((req, res) => void this.#answerProbe(req.url ?? "", res));
    const token = tunnelToken(config.internalToken);
    this.#gate = createGate({
      token,
      tokenSha256: digestOf(token),
      probes: this.#probes,
      target: () => this.#target(),
      maxConnections: MAX_CONNECTIONS,
      firstLineMs: FIRST_LINE_MS,
      patienceMs: PATIENCE_MS,
      idleMs: IDLE_MS,
    });
    this.#election = new Election({
      row: openLeaderRow({ address: postgres, clock: systemClock, holder: identity, reachedAt: address }),
      clock: systemClock,
      onLead: (epoch) => this.#lead(epoch),
      onLost: () => this.#lost(),
      log: (error) => logDefect(error, "the election"),
    });
  }

  async start(): Promise<void> {
    const { dataDir, internalToken } = this.#config;
    mkdirSync(dataDir, { recursive: true });
    // Every volume is this platform's.
    writeFileSync(
      join(dataDir, "platform.json"),
      `${JSON.stringify({ id: platformIdOf(internalToken) })}\n`,
      {
        mode: 0o600,
      },
    );
    const { server } = this.#gate;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.#settings.listen, () => resolve());
    });
    note(`control ${this.#settings.identity}: listens at port ${this.#settings.listen.port}`);
    this.#election.start();
  }

  /**
   * Hands over: what has come is answered, new connections wait for the next leader, and the lead is given back as soon as
   * nothing is under way here any more.
   */
  async end(): Promise<void> {
    if (this.#isEnding) return;
    this.#isEnding = true;
    setTimeout(() => process.exit(1), END_MS).unref();
    try {
      await this.#control?.drain(DRAIN_MS, LINGER_MS);
      await this.#control?.close();
    } catch (error) {
      logDefect(error, "ending");
    }
    await this.#election.standDown();
    await this.#leave();
    await this.#election.end();
    rmSync(this.#config.runDir, { recursive: true, force: true });
    process.exit(0);
  }

  async #lead(epoch: number): Promise<void> {
    const { identity, secrets } = this.#settings;
    note(`control ${identity}: leads, epoch ${epoch}`);
    try {
      const control = await composeControl(this.#config, {
        clock: systemClock,
        secrets,
        logDefect,
        onFatal: (error) => this.#die(error, "store"),
        openTarget: openClusterTarget(this.#settings),
        fence: { epoch, lost: () => this.#lost() },
        metrics: [this.#leads],
      });
      this.#control = control;
      note(`control ${identity}: is ready, epoch ${epoch}`);
    } catch (error) {
      await this.#election.standDown();
      this.#die(error, "start");
    }
  }

  /** Whatever is in memory may be out of date: the process ends, and begins again as one that follows. */
  #lost(): void {
    if (this.#isEnding) return;
    this.#die(undefined, `control ${this.#settings.identity}: another one leads by now`);
  }

  #die(error: unknown, where: string): void {
    logDefect(error, where);
    process.exit(1);
  }

  /** A lease that couldn't be renewed in time is nobody's: its holder takes no connections by it. */
  #target(): GateTarget | undefined {
    const { standing } = this.#election;
    if (standing?.is === "leading") {
      if (this.#control === undefined || this.#isEnding) return undefined;
      return { path: join(this.#config.runDir, SOCKETS.control) };
    }
    if (standing === undefined || standing.leader.address === this.#settings.address) return undefined;
    return parseHostPort(standing.leader.address);
  }

  /** A connection that began with a probe would keep its later requests from whoever leads. */
  async #answerProbe(url: string, res: ServerResponse): Promise<void> {
    const connection = "close";
    if (url === "/metrics") {
      const text = await this.#metrics();
      return void res.writeHead(200, { "content-type": EXPOSITION_TYPE, connection }).end(text);
    }
    const status = await this.#statusOf(url);
    res.writeHead(status, { "content-type": "text/plain", connection });
    res.end(status === 200 ? "OK" : "not ready");
  }

  /** Of this process: the platform's own are the leader's to tell, or they would be counted once for each of its pods. */
  #metrics(): Promise<string> {
    const { version } = this.#config;
    if (this.#control !== undefined) return this.#control.metrics();
    return metricsPage({
      sources: [this.#leads, platformMetrics({ version, clock: systemClock })],
      logDefect,
    });
  }

  async #statusOf(url: string): Promise<number> {
    if (url.startsWith("/health")) return 200;
    const target = this.#isEnding ? undefined : this.#target();
    if (target === undefined) return 503;
    return "path" in target || (await canReach(target)) ? 200 : 503;
  }

  /** The connections that waited find the next leader; then those that are handed on to it have some time to end. */
  async #leave(): Promise<void> {
    const { server } = this.#gate;
    const until = performance.now() + PATIENCE_MS;
    while (this.#gate.waiting > 0 && performance.now() < until) await systemClock.sleep(100);
    server.close();
    const tunnelsUntil = performance.now() + TUNNELS_MS;
    while (this.#gate.tunnels > 0 && performance.now() < tunnelsUntil) await systemClock.sleep(100);
    this.#gate.close();
  }
}

function canReach(target: { host: string; port: number }): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(target);
    const end = (answer: boolean) => () => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(REACH_MS, end(false));
    socket.once("connect", end(true));
    socket.once("error", end(false));
  });
}
