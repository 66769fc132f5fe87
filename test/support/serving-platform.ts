// A supervisor with real serve and worker processes, and a stand-in for control.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TrafficRule, VariantSpec } from "../../src/serving/backend.ts";
import type { TracingSettings } from "../../src/serving/tracing/settings.ts";
import { createLocalServingBackend } from "../../src/targets/local/serving-backend.ts";
import { bindPublicAddress } from "../../src/targets/local/supervisor/public-address.ts";
import { startSupervisor } from "../../src/targets/local/supervisor/supervisor.ts";

const MAIN = fileURLToPath(new URL("../../dist/main.js", import.meta.url));
const FAKE_CONTROL = fileURLToPath(new URL("fake-control.mjs", import.meta.url));

export interface ServingPlatform {
  url: string;
  port: number;
  /** Host and port. */
  grpcUrl: string;
  dataDir: string;
  backend: ReturnType<typeof createLocalServingBackend>;
  /** Pids of the children that live, by name. */
  children(): { name: string; pid: number }[];
  pid(name: string): number;
  /** Writes a model into a folder of its own and answers the folder. */
  model(file: Uint8Array): Promise<string>;
  close(): Promise<void>;
}

export async function startServingPlatform(
  options: { tokenSha256?: string; tracing?: TracingSettings } = {},
): Promise<ServingPlatform> {
  const dataDir = await mkdtemp(join(tmpdir(), "slipway-srv-"));
  const runDir = join(dataDir, "run");
  await mkdir(runDir, { mode: 0o700 });
  const address = await bindPublicAddress("127.0.0.1", 0);
  const grpcAddress = await bindPublicAddress("127.0.0.1", 0);
  let children: { name: string; pid: number }[] = [];
  const command = (role: string) => ({ file: process.execPath, args: [MAIN, "__role", role] });
  const supervisor = startSupervisor({
    commands: {
      serve: command("serve"),
      control: { file: process.execPath, args: [FAKE_CONTROL] },
      worker: command("worker"),
    },
    config: {
      dataDir,
      runDir,
      host: "127.0.0.1",
      port: address.port,
      grpcPort: grpcAddress.port,
      allowedHosts: ["slipway.test"],
      tokenSha256: options.tokenSha256 ?? null,
      signIn: { isRequired: false },
      internalToken: "internal",
      version: "0.0.0",
    },
    serveSecrets: options.tracing === undefined ? {} : { tracing: options.tracing },
    publicHandle: address.handle,
    grpcHandle: grpcAddress.handle,
    env: { PATH: "/usr/bin:/bin" },
    dataDir,
    now: () => Date.now(),
    note: () => undefined,
    onChildren: (now) => (children = now),
  });
  const backend = createLocalServingBackend({ socketPath: join(runDir, "serve.sock") });
  await supervisor.ready;
  let models = 0;
  return {
    url: `http://127.0.0.1:${address.port}`,
    port: address.port,
    grpcUrl: `127.0.0.1:${grpcAddress.port}`,
    dataDir,
    backend,
    children: () => children,
    pid(name) {
      const found = children.find((child) => child.name.startsWith(name));
      if (found === undefined) throw new Error(`no child ${name}`);
      return found.pid;
    },
    async model(file) {
      const folder = join(dataDir, "models", String((models += 1)));
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, "model.onnx"), file);
      return folder;
    },
    async close() {
      backend.close();
      await supervisor.stop();
      address.close();
      grpcAddress.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** A rule that sends everything to the champion, unless told otherwise. */
export function ruleFor(service: string, more: Partial<TrafficRule> = {}): TrafficRule {
  return {
    service,
    commit: "c1",
    order: 1,
    champion: 1,
    share: 0,
    timeoutMs: 5_000,
    maxBodyBytes: 100_000,
    protocols: ["v1", "v2"],
    ...more,
  };
}

export function variantFor(service: string, version: number, modelDir: string, workers = 1): VariantSpec {
  return { service, version, format: "onnx", modelDir, workers };
}

/** Waits for a condition, looking often and for a bounded time. */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  withinMs = 60_000,
): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`never came: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
