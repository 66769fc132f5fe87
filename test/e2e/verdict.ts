import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import type { RolloutEvidence } from "../../src/rollout/evidence.ts";
import type { ServiceView } from "../../src/rollout/views.ts";
import { onnxModel } from "../support/onnx.ts";
import { Caller } from "./caller.ts";
import { api, eventually, git, newFolder, removeFolder, slipway, type TestPlatform } from "./platform.ts";
import { contract, modelProject, workTree, type Files } from "./projects.ts";

/** Questions that the tables of these tests are asked: 0 to 9. */
const QUESTIONS = 10;
/** A lane's wait between two calls: enough of them for a verdict in seconds, and a part of one core. */
const PAUSE_MS = 20;
const LOOK_MS = 100;
/** Seconds where nothing else runs. */
const TRIAL_MS = 150_000;

interface TableShape {
  /** Questions from this on fail. */
  size?: number;
  /** What the answer is a multiple of. */
  step?: number;
  /** Products of two 256 x 256 matrices that every answer costs beyond its own. */
  work?: number;
}

/** A model that looks an answer up: fails beyond its table, and takes as long as it is told. */
export function table({ size = QUESTIONS, step = 10, work = 0 }: TableShape = {}): Files {
  const side = 256;
  const steps = Array.from({ length: work }, (_, i) => [
    { op: "MatMul", inputs: [`m${i}`, `m${i}`], outputs: [`p${i}`] },
    { op: "Sigmoid", inputs: [`p${i}`], outputs: [`m${i + 1}`] },
  ]).flat();
  const slow = [
    { op: "Cast", inputs: ["index"], outputs: ["float"], attributes: { to: 1 } },
    { op: "ReduceMean", inputs: ["float"], outputs: ["mean"], attributes: { keepdims: 0 } },
    { op: "Expand", inputs: ["mean", "shape"], outputs: ["m0"] },
    ...steps,
    { op: "ReduceMean", inputs: [`m${work}`], outputs: ["worked"], attributes: { keepdims: 0 } },
    { op: "Mul", inputs: ["worked", "zero"], outputs: ["nothing"] },
    { op: "Add", inputs: ["found", "nothing"], outputs: ["value"] },
  ];
  const model = onnxModel({
    inputs: [{ name: "index", type: "INT64", shape: ["n"] }],
    outputs: [{ name: "value", type: "FP32", shape: ["n"] }],
    constants: [
      { name: "table", shape: [size], floats: Array.from({ length: size }, (_, i) => i * step) },
      { name: "shape", shape: [2], integers: [side, side] },
      { name: "zero", shape: [], floats: [0] },
    ],
    nodes: [
      {
        op: "Gather",
        inputs: ["table", "index"],
        outputs: [work === 0 ? "value" : "found"],
        attributes: { axis: 0 },
      },
      ...(work === 0 ? [] : slow),
    ],
  });
  const example = [{ name: "index", shape: [1], datatype: "INT64", data: [3] }];
  const answer = [{ name: "value", shape: [1], datatype: "FP32", data: [3 * step] }];
  return { "model.onnx": model, "contract.json": contract(example, answer) };
}

/** One prediction as its caller sees it. */
export interface Answer {
  question: number;
  status: number;
  variant: string;
  /** The version that answered in the challenger's place, if any. */
  fallback: string | null;
  id: string;
  value: number | undefined;
  /** When it came, in milliseconds since the epoch. */
  at: number;
}

interface Drive {
  /** Calls at the same time. */
  lanes?: number;
  /** Milliseconds after which a caller leaves; an answer is then only what came before. */
  patience?: number;
  timeoutMs?: number;
  /** Each batch of answers since the last look at the service. */
  onAnswers?: (answers: Answer[]) => Promise<void>;
}

/** How a service was at the end of a drive, and what its callers were answered. */
export interface Driven {
  now: ServiceView;
  answers: Answer[];
}

/** A service of a platform, and the project behind it. */
export class TrialService {
  readonly platform: TestPlatform;
  readonly name: string;
  readonly work: string;
  readonly #caller: Caller;
  #asked = 0;
  #commits = 0;

  private constructor(platform: TestPlatform, name: string, work: string) {
    this.platform = platform;
    this.name = name;
    this.work = work;
    this.#caller = new Caller(platform.url);
  }

  /** Pushes a first champion. */
  static async begin(
    platform: TestPlatform,
    name: string,
    files: Files,
    rollout = "",
  ): Promise<TrialService> {
    const work = await workTree(modelProject(name, files, rollout));
    const service = new TrialService(platform, name, work);
    expect(await service.#send()).toContain("first champion");
    return service;
  }

  /** Writes a model with its rollout section. */
  async write(files: Files, rollout: string): Promise<void> {
    const all = modelProject(this.name, files, rollout);
    for (const [path, content] of Object.entries(all)) await writeFile(join(this.work, path), content);
  }

  /** Writes, commits and pushes; answers what the pusher reads. */
  async push(files: Files, rollout: string): Promise<string> {
    await this.write(files, rollout);
    await writeFile(join(this.work, "README.md"), `${++this.#commits}\n`);
    await git(this.work, "add", "-A");
    await git(this.work, "commit", "--quiet", "-m", `change ${this.#commits}`);
    return this.#send();
  }

  async #send(): Promise<string> {
    const { output } = await git(
      this.work,
      "push",
      `${this.platform.gitUrl}/${this.name}.git`,
      "HEAD:refs/heads/main",
    );
    return output;
  }

  view(): Promise<ServiceView> {
    return api<ServiceView>(this.platform, `/services/${this.name}`);
  }

  evidence(): Promise<RolloutEvidence> {
    return api<RolloutEvidence>(this.platform, `/services/${this.name}/evidence`);
  }

  /** Waits without traffic. */
  until(what: string, holds: (now: ServiceView) => boolean, timeoutMs?: number): Promise<ServiceView> {
    const question = async (): Promise<ServiceView | undefined> => {
      const now = await this.view();
      return holds(now) ? now : undefined;
    };
    return eventually(what, question, timeoutMs);
  }

  /** The real command about this service. */
  command(...args: string[]): Promise<{ code: number | null; output: string }> {
    return slipway([...args, "--url", this.platform.url]);
  }

  /** Undefined: the caller left before the answer. */
  async #asks(patience?: number): Promise<Answer | undefined> {
    if (patience === undefined) return this.predict();
    const signal = AbortSignal.timeout(patience);
    return this.predict(undefined, {}, signal).catch((error: unknown) => {
      if (signal.aborted) return undefined;
      throw error;
    });
  }

  async predict(
    question = this.#asked++ % QUESTIONS,
    headers: Record<string, string> = {},
    signal?: AbortSignal,
  ): Promise<Answer> {
    const inputs = [{ name: "index", shape: [1], datatype: "INT64", data: [question] }];
    const answer = await this.#caller.post(`/v2/models/${this.name}/infer`, {
      headers,
      body: JSON.stringify({ inputs }),
      ...(signal ? { signal } : {}),
    });
    const body = JSON.parse(answer.text) as { outputs?: { data: number[] }[] };
    return {
      question,
      status: answer.status,
      variant: answer.header("x-slipway-variant") ?? "",
      fallback: answer.header("x-slipway-fallback"),
      id: answer.header("x-slipway-request-id") ?? "",
      value: body.outputs?.[0]?.data[0],
      at: Date.now(),
    };
  }

  /** Callers that go on calling until the service is so, with all that they were answered. */
  async drive(
    what: string,
    holds: (now: ServiceView) => boolean | Promise<boolean>,
    options: Drive = {},
  ): Promise<Driven> {
    const { lanes = 4, timeoutMs = TRIAL_MS, patience, onAnswers } = options;
    const answers: Answer[] = [];
    const end = new AbortController();
    const lane = async (): Promise<void> => {
      while (!end.signal.aborted) {
        const answer = await this.#asks(patience);
        if (answer !== undefined) answers.push(answer);
        await pause(PAUSE_MS);
      }
    };
    const callers = Promise.all(Array.from({ length: lanes }, lane)).finally(() => end.abort());
    // Told below; until then nobody waits for it.
    callers.catch(() => undefined);
    let told = 0;
    const look = async (): Promise<ServiceView | undefined> => {
      if (end.signal.aborted) await callers;
      const now = await this.view();
      const fresh = answers.slice(told);
      told += fresh.length;
      await onAnswers?.(fresh);
      if (await holds(now)) return now;
      await pause(LOOK_MS);
      return undefined;
    };
    try {
      const now = await eventually(what, look, timeoutMs);
      return { now, answers };
    } finally {
      end.abort();
      await callers;
    }
  }

  /** Pushes while callers go on calling, until the rollout that it began has ended. */
  async trial(files: Files, rollout: string, holds = hasEnded): Promise<Driven> {
    let isPushed = false;
    const pushed = this.push(files, rollout).finally(() => (isPushed = true));
    const driven = await this.drive("the end of the rollout", (now) => isPushed && holds(now));
    await pushed;
    return driven;
  }

  /** Enough calls to know the champion by, before anything is on trial. */
  async warm(calls = 300): Promise<void> {
    let answered = 0;
    const { answers } = await this.drive("the first calls", () => answered >= calls, {
      onAnswers: async (fresh) => void (answered += fresh.length),
    });
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  }

  removeWork(): void {
    this.#caller.close();
    removeFolder(this.work);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((settle) => setTimeout(settle, ms));
}

/** What callers got: "200 2" is a good answer of version 2, "200 1 fallback 2" one that version 1 gave in its place. */
export function kindsOf(answers: readonly Answer[]): string[] {
  const kind = ({ status, variant, fallback }: Answer): string =>
    fallback === null ? `${status} ${variant}` : `${status} ${variant} fallback ${fallback}`;
  return [...new Set(answers.map(kind))].sort();
}

export function hasEnded({ rollout }: ServiceView): boolean {
  return ["promoted", "rolledback", "superseded"].includes(rollout?.state ?? "");
}

/** Messages of the environment repository, oldest first. */
export async function environmentLog(platform: TestPlatform, format = "%s"): Promise<string[]> {
  const clone = newFolder("environment");
  try {
    await git(clone, "clone", "--quiet", `${platform.gitUrl}/environment.git`, ".");
    const { output } = await git(clone, "log", "--reverse", `--format=${format}%x00`);
    return output
      .split("\0")
      .map((message) => message.trim())
      .filter((message) => message !== "");
  } finally {
    removeFolder(clone);
  }
}
