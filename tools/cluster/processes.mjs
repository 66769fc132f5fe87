// Children of a cluster for tests: each with its log in the state folder, ended by its own pid.
import { spawn } from "node:child_process";
import { createWriteStream, readFileSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const READY_MS = 120_000;
const STOP_MS = 10_000;
const POLL_MS = 100;

/**
 * @typedef {{ name: string, pid: number, stop: () => Promise<void>, problem: () => string | undefined }} Running
 *   `problem`: how it ended and what it said last, when it did
 * @param {string} name
 * @param {string} program
 * @param {readonly string[]} args
 * @param {string} state
 * @returns {Running}
 */
export function launch(name, program, args, state, env = process.env) {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], cwd: state, env });
  const log = createWriteStream(join(state, `${name}.log`));
  let last = "";
  let ended;
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text) => {
      log.write(text);
      last = (last + text).slice(-2000);
    });
  const exit = new Promise((resolve) => {
    child.on("error", (error) => resolve((ended = error.message)));
    child.on("exit", (code, signal) => resolve((ended = `ended with ${code ?? signal}`)));
  });
  const stop = async () => {
    child.kill("SIGTERM");
    const force = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
    await exit;
    clearTimeout(force);
    log.end();
  };
  const problem = () => (ended === undefined ? undefined : `${name} ${ended}:\n${last}`);
  return { name, pid: child.pid, stop, problem };
}

/** Waits until it is so; throws when one of the processes ends before, or after two minutes. */
export async function until(what, processes, signal, isTrue) {
  const end = Date.now() + READY_MS;
  while (!(await isTrue())) {
    signal?.throwIfAborted();
    const problem = processes.map((one) => one.problem()).find((it) => it !== undefined);
    if (problem !== undefined) throw new Error(problem);
    if (Date.now() > end)
      throw new Error(`the cluster for tests: not so within ${READY_MS / 1000} s: ${what}`);
    await sleep(POLL_MS);
  }
}

/**
 * One call of the API as its administrator; answers undefined when nobody answers.
 * @param {{ pki: string, url: string }} api
 * @param {string} path
 * @param {{ method?: string, type?: string, body?: unknown }} [how]
 * @returns {Promise<{ status: number, body: any } | undefined>}
 */
export function ask({ pki, url }, path, { method = "GET", type = "application/json", body } = {}) {
  const [ca, cert, key] = ["ca.crt", "admin.crt", "admin.key"].map((name) => readFileSync(join(pki, name)));
  const sent = body === undefined ? undefined : JSON.stringify(body);
  const headers = sent === undefined ? {} : { "content-type": type };
  return new Promise((resolve) => {
    const call = request(
      `${url}${path}`,
      { method, headers, ca, cert, key, agent: false, timeout: 5000 },
      (answer) => {
        const pieces = [];
        answer.on("data", (piece) => pieces.push(piece)).on("error", () => resolve(undefined));
        answer.on("end", () => resolve({ status: answer.statusCode, body: parsed(Buffer.concat(pieces)) }));
      },
    );
    call.on("timeout", () => call.destroy());
    call.on("error", () => resolve(undefined));
    call.end(sent);
  });
}

/** Not everything is JSON: `/readyz` answers `ok`. */
function parsed(bytes) {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return bytes.toString();
  }
}

/** JSON, which is YAML too; certificates inside, so that the file stands on its own. */
export function writeKubeconfig(path, pki, who, server) {
  const data = (name) => readFileSync(join(pki, name)).toString("base64");
  const config = {
    apiVersion: "v1",
    kind: "Config",
    "current-context": "slipway-test",
    clusters: [{ name: "slipway-test", cluster: { server, "certificate-authority-data": data("ca.crt") } }],
    users: [
      {
        name: who,
        user: { "client-certificate-data": data(`${who}.crt`), "client-key-data": data(`${who}.key`) },
      },
    ],
    contexts: [{ name: "slipway-test", context: { cluster: "slipway-test", user: who } }],
  };
  writeFileSync(path, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });
  return path;
}

/** `--name=value` of each. */
export function flags(values) {
  return Object.entries(values).map(([name, value]) => `--${name}=${value}`);
}
