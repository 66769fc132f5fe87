import type { ChildProcess } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import type { Clock } from "../base/clock.ts";
import { SlipwayError } from "../http/errors.ts";
import type { Repositories } from "./repositories.ts";

/** Of the answer's headers. */
const MAX_HEADER_BYTES = 64 * 1024;
/** Between asking a process group to end and making it. */
const GRACE_MS = 2_000;

export interface BackendRequest {
  /** Repository and the path below it, such as `/churn.git/info/refs`. */
  pathInfo: string;
  method: "GET" | "POST";
  query: string;
  contentType?: string | undefined;
  contentLength?: string | undefined;
  contentEncoding?: string | undefined;
  /** The `Git-Protocol` header. */
  protocol?: string | undefined;
  remoteUser: string;
  /** More for the environment of Git and its hooks. */
  env: Readonly<Record<string, string>>;
}

/** A started `git http-backend`: a CGI program, whose output is a header, an empty line and the body. */
export interface Backend {
  input: Writable;
  /** Rejects with GIT_FAILED when it ends before it has answered. */
  answer: Promise<{ status: number; headers: Record<string, string>; body: Readable }>;
  /** Resolves when the process has ended. */
  ended: Promise<void>;
  /** Ends it with everything it has started. */
  end(): void;
}

/** Starts the program for one request. `config` wins over the repository's own. */
export function startBackend(
  deps: { repositories: Repositories; clock: Clock; config: readonly (readonly [string, string])[] },
  request: BackendRequest,
): Backend {
  const child = deps.repositories.git.start(["http-backend"], {
    env: cgiEnvironment(deps.repositories.root, request),
    config: deps.config,
    stdio: ["pipe", "pipe", "pipe"],
  });
  const { stdin, stdout, stderr } = child;
  if (!stdin || !stdout || !stderr) throw new SlipwayError("GIT_FAILED", "git http-backend has no streams");
  let said = "";
  stderr.setEncoding("utf8").on("data", (chunk: string) => {
    said = (said + chunk).slice(-4096);
  });
  const ended = new Promise<void>((resolve) => {
    child.on("close", () => resolve());
    child.on("error", () => resolve());
  });
  const answer = new Promise<Awaited<Backend["answer"]>>((resolve, reject) => {
    const fail = (why: string): void => {
      reject(
        new SlipwayError("GIT_FAILED", `git http-backend: ${said.trim().split("\n").at(-1) || why}`, {
          details: { path: request.pathInfo },
        }),
      );
    };
    child.on("error", (error) => fail(error.message));
    child.on("close", (code, signal) => fail(`ended with ${signal ?? `exit code ${code}`} and no answer`));
    readHeader(stdout, resolve, fail);
  });
  // Whoever asked may have gone before the answer.
  answer.catch(() => {});
  return { input: stdin, answer, ended, end: () => void endGroup(child, ended, deps.clock) };
}

function cgiEnvironment(root: string, request: BackendRequest): Record<string, string> {
  const { contentType, contentLength, contentEncoding, protocol } = request;
  return {
    ...request.env,
    GIT_PROJECT_ROOT: root,
    GIT_HTTP_EXPORT_ALL: "1",
    PATH_INFO: request.pathInfo,
    REQUEST_METHOD: request.method,
    QUERY_STRING: request.query,
    // Git takes pushes over HTTP only from somebody; who may push was decided before this.
    REMOTE_USER: request.remoteUser,
    REMOTE_ADDR: "127.0.0.1",
    ...(contentType === undefined ? {} : { CONTENT_TYPE: contentType }),
    ...(contentLength === undefined ? {} : { CONTENT_LENGTH: contentLength }),
    ...(contentEncoding === undefined ? {} : { HTTP_CONTENT_ENCODING: contentEncoding }),
    ...(protocol === undefined ? {} : { GIT_PROTOCOL: protocol }),
  };
}

/** Reads up to the empty line and leaves the rest in the stream. */
function readHeader(
  stdout: Readable,
  resolve: (answer: Awaited<Backend["answer"]>) => void,
  fail: (why: string) => void,
): void {
  let head = "";
  const onData = (chunk: Buffer): void => {
    // Latin-1 keeps every byte as one character, so that the body's first bytes come out as they went in.
    head += chunk.toString("latin1");
    const end = /\r?\n\r?\n/.exec(head);
    if (!end) {
      if (head.length > MAX_HEADER_BYTES) fail("its header has no end");
      return;
    }
    stdout.off("data", onData);
    stdout.pause();
    const rest = head.slice(end.index + end[0].length);
    if (rest !== "") stdout.unshift(Buffer.from(rest, "latin1"));
    resolve({ ...parseHeader(head.slice(0, end.index)), body: stdout });
  };
  stdout.on("data", onData);
}

/** CGI (RFC 3875, 6.3): `Status: 404 Not Found` beside the HTTP headers; 200 without one. */
function parseHeader(text: string): { status: number; headers: Record<string, string> } {
  let status = 200;
  const headers: Record<string, string> = {};
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(":");
    if (colon <= 0) continue;
    const name = line.slice(0, colon).trim().toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (name === "status") status = Number.parseInt(value, 10) || 500;
    else headers[name] = value;
  }
  return { status, headers };
}

/** SIGTERM first: Git then removes what it has received so far. */
async function endGroup(child: ChildProcess, ended: Promise<void>, clock: Clock): Promise<void> {
  if (!signalGroup(child, "SIGTERM")) return;
  const late = new AbortController();
  const timer = clock.sleep(GRACE_MS, late.signal).then(
    () => true,
    () => false,
  );
  const stillThere = await Promise.race([timer, ended.then(() => false)]);
  late.abort();
  if (stillThere) signalGroup(child, "SIGKILL");
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): boolean {
  if (child.pid === undefined) return false;
  try {
    return process.kill(-child.pid, signal);
  } catch {
    // Nobody of the group is left.
    return false;
  }
}
