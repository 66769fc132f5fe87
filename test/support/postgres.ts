import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { Client } from "pg";
import { ensurePostgres } from "../../tools/postgres.mjs";

/** A real server of a test's own, on loopback. */
export interface PostgresServer {
  /** `postgres://…` without a schema. */
  url: string;
  /** Ends it at once, like a power cut for the program. */
  kill(): Promise<void>;
  /** Starts it again on the same port and data. */
  restart(): Promise<void>;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
}

const READY_MS = 90_000;
const ATTEMPTS = 3;
/** What doesn't matter for tests that end with their server. */
const FLEETING = ["fsync=off", "full_page_writes=off", "synchronous_commit=off", "autovacuum=off"];
const SMALL = [
  "shared_buffers=32MB",
  "max_connections=120",
  "listen_addresses=127.0.0.1",
  "logging_collector=off",
];

/** Makes a cluster in a temporary folder and starts it. `isDurable`: with fsync, as in production. */
export async function startPostgres({ isDurable = false } = {}): Promise<PostgresServer> {
  const as = runAs();
  // Short: the socket's path has a limit. Open to the server's user, whatever TMPDIR allows others.
  const folder = mkdtempSync(join(as.uid === undefined ? tmpdir() : "/tmp", "slipway-pg-"));
  if (as.uid !== undefined) chownSync(folder, as.uid, as.gid ?? as.uid);
  try {
    const bin = programs(folder, as);
    const data = join(folder, "data");
    initialise(join(bin, "initdb"), data, as);
    const server = new Server(folder, as, {
      file: join(bin, "postgres"),
      args: ["-D", data, "-k", folder, ...settings(isDurable ? SMALL : [...SMALL, ...FLEETING])],
    });
    await server.restart();
    return server;
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

interface Identity {
  uid?: number;
  gid?: number;
}

class Server implements PostgresServer {
  readonly #folder: string;
  readonly #as: Identity;
  readonly #program: { file: string; args: string[] };
  #port = 0;
  #child: ChildProcess | undefined;

  constructor(folder: string, as: Identity, program: { file: string; args: string[] }) {
    this.#folder = folder;
    this.#as = as;
    this.#program = program;
  }

  get url(): string {
    return `postgres://slipway@127.0.0.1:${this.#port}/postgres`;
  }

  async restart(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const port = this.#port || (await freePort());
      try {
        await this.#start(port);
        this.#port = port;
        return;
      } catch (error) {
        // Somebody may have taken the port meanwhile, or what was killed may not be quite gone.
        if (attempt === ATTEMPTS) throw error;
      }
    }
  }

  async kill(): Promise<void> {
    // The server's children follow when they notice; only the postmaster's lock file must not outlive it.
    const pid = Number(readFileSync(join(this.#folder, "data", "postmaster.pid"), "utf8").split("\n")[0]);
    const ended = this.#ended();
    process.kill(pid, "SIGKILL");
    await ended;
  }

  async stop(): Promise<void> {
    const ended = this.#ended();
    this.#child?.stdin?.end();
    await ended;
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  async #start(port: number): Promise<void> {
    const { file, args } = this.#program;
    // The shell waits for its input to end, which it does when this process dies, however it dies.
    const script = '"$0" "$@" & pid=$!; (read _; kill -INT $pid) <&3 & wait $pid; kill $! 2>/dev/null';
    const child = spawn("/bin/sh", ["-c", `exec 3<&0; ${script}`, file, ...args, "-p", String(port)], {
      ...this.#as,
      cwd: "/",
      stdio: ["pipe", "ignore", "pipe"],
    });
    this.#child = child;
    let log = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (log = (log + text).slice(-20_000)));
    const failed = once(child, "exit").then(() => {
      throw new Error(`PostgreSQL ended:\n${log}`);
    });
    await Promise.race([failed, answers(port)]);
    failed.catch(() => {});
  }

  async #ended(): Promise<void> {
    const child = this.#child;
    if (child && child.exitCode === null && child.signalCode === null) await once(child, "close");
  }
}

/** Waits until the server takes connections: it says so in its log, in its own language. */
async function answers(port: number): Promise<void> {
  for (const end = Date.now() + READY_MS; ;) {
    const client = new Client({ host: "127.0.0.1", port, user: "slipway", database: "postgres" });
    client.on("error", () => {});
    try {
      await client.connect();
      await client.end();
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** PostgreSQL refuses to run as root: then as the user that it came with, or as nobody. */
function runAs(): Identity {
  if (process.getuid?.() !== 0) return {};
  const users = readFileSync("/etc/passwd", "utf8").split("\n");
  for (const name of ["postgres", "nobody"]) {
    const [, , uid, gid] = users.find((line) => line.startsWith(`${name}:`))?.split(":") ?? [];
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error("PostgreSQL can't run as root, and there is neither a user postgres nor nobody");
}

/** The folder of the server's programs; a copy where its user can't reach them, as below root's home. */
function programs(folder: string, as: Identity): string {
  const bin = ensurePostgres();
  const tried = spawnSync(join(bin, "postgres"), ["--version"], { ...as, cwd: "/", stdio: "ignore" });
  if (tried.status === 0) return bin;
  const copy = join(folder, "program");
  cpSync(dirname(bin), copy, { recursive: true, verbatimSymlinks: true });
  chmodSync(copy, 0o755);
  return join(copy, basename(bin));
}

function initialise(initdb: string, data: string, as: Identity): void {
  const how = ["-U", "slipway", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"];
  const { status, error, stderr } = spawnSync(initdb, ["-D", data, ...how], {
    ...as,
    cwd: "/",
    encoding: "utf8",
    stdio: ["ignore", "ignore", "pipe"],
  });
  if (status !== 0 || !existsSync(data)) throw new Error(`initdb failed: ${error?.message ?? stderr}`);
}

function settings(values: readonly string[]): string[] {
  return values.flatMap((value) => ["-c", value]);
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return port;
}
