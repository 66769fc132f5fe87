import { stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { Command } from "commander";
import { SlipwayError } from "../../http/errors.ts";
import type { AskedTraffic } from "../../rollout/asked-traffic.ts";
import type { Plan } from "../../rollout/plan.ts";
import type { SpecProblem } from "../../spec/parse.ts";
import type { Project } from "../../spec/project.ts";
import { printJson, withHelp, withTenantOptions } from "../context.ts";
import type { CliContext, TenantOptions } from "../context.ts";
import { EXIT, exitCodesHelp } from "../exit.ts";
import type { SpecFile } from "../spec-file.ts";
import { tame } from "../terminal.ts";

interface PlanOptions extends TenantOptions {
  traffic?: string;
  errors?: string;
  offline?: boolean;
}

type Answer = { ok: true; plan: Plan } | { ok: false; problems: SpecProblem[] };

/** `slipway plan [FILE]`: what a push would do, and what its rollout would come to, before anything is touched. */
export function addPlan(program: Command, context: CliContext): void {
  const command = program
    .command("plan")
    .description("say what a push of slipway.yaml would do, and whether its rollout can be decided")
    .argument("[file]", "the file, or a folder that holds slipway.yaml", "slipway.yaml")
    .option("--traffic <rate>", "requests to plan for, such as 20/s or 5/min (default: as measured)")
    .option(
      "--errors <share>",
      "champion's share of failed requests, such as 1% (default: as measured, or 1%)",
    )
    .option("--offline", "ask no platform: plan from the file alone")
    .action(context.action((file: string, options: PlanOptions) => plan(context, file, options)));
  withTenantOptions(command);
  withHelp(
    command,
    ["slipway plan", "slipway plan models/churn --traffic 20/s", "slipway plan --offline --json"],
    `${exitCodesHelp()}\n1 is also the answer where the push would be refused; warnings alone end with 0.`,
  );
}

async function plan(context: CliContext, given: string, options: PlanOptions): Promise<number> {
  const asked = askedTraffic(options);
  const [{ readSpec }, { parseProject }, { formatProblems }, { planLines }] = await Promise.all([
    import("../spec-file.ts"),
    import("../../spec/parse.ts"),
    import("../../spec/format.ts"),
    import("../../rollout/plan-words.ts"),
  ]);
  const spec = await readSpec(given, context.terminal.cwd);
  const parsed = parseProject(spec.yaml, spec.name);
  const problems = parsed.ok ? await missingFiles(spec, parsed.value) : parsed.problems;
  if (!parsed.ok || problems.length > 0) {
    if (options.json === true) printJson(context, { ok: false, problems });
    else context.terminal.writeError(formatProblems(problems, spec.yaml));
    return EXIT.failed;
  }
  const { answer, unreachable } = await ask(context, spec, parsed.value, options, asked);
  if (!answer.ok) {
    if (options.json === true) printJson(context, answer);
    else context.terminal.writeError(formatProblems(answer.problems, spec.yaml));
    return EXIT.failed;
  }
  if (options.json === true) {
    printJson(context, { ...answer, ...(unreachable === undefined ? {} : { unreachable }) });
    return EXIT.ok;
  }
  if (unreachable !== undefined)
    context.terminal.writeError(`${tame(unreachable)}: planned from the file alone\n`);
  context.terminal.write(
    planLines(answer.plan)
      .map((line) => `${tame(line)}\n`)
      .join(""),
  );
  return EXIT.ok;
}

/** The platform's plan; from the file alone when it isn't to be asked, or doesn't answer. */
async function ask(
  context: CliContext,
  spec: SpecFile,
  project: Project,
  options: PlanOptions,
  asked: AskedTraffic,
): Promise<{ answer: Answer; unreachable?: string }> {
  const alone = async (): Promise<Answer> => {
    const [{ planProject }, { withAsked }] = await Promise.all([
      import("../../rollout/plan.ts"),
      import("../../rollout/asked-traffic.ts"),
    ]);
    return {
      ok: true,
      plan: planProject(project, { service: undefined, traffic: withAsked(undefined, asked) }),
    };
  };
  if (options.offline === true) return { answer: await alone() };
  try {
    const body = { text: spec.yaml, traffic: asked };
    return { answer: await context.tenantClient(options).post<Answer>("/plan", body) };
  } catch (error) {
    if (!(error instanceof SlipwayError) || error.code !== "PLATFORM_UNREACHABLE") throw error;
    return { answer: await alone(), unreachable: error.message };
  }
}

/** Files that the project names and that aren't beside it: the push would be refused for them. */
async function missingFiles(spec: SpecFile, project: Project): Promise<SpecProblem[]> {
  const { readDocument } = await import("../../spec/document.ts");
  const read = readDocument(spec.yaml, spec.name);
  const problems: SpecProblem[] = [];
  for (const kind of ["python", "node"] as const) {
    const path = project.environment[kind];
    if (path === undefined || !read.ok) continue;
    const found = await stat(resolve(dirname(spec.path), path)).catch(() => undefined);
    if (found?.isFile()) continue;
    problems.push({
      file: spec.name,
      ...read.document.position(["environment", kind], "value"),
      rule: "missing-file",
      message: `the file isn't beside ${spec.name}`,
      given: path,
      allowed: "a path of a committed file",
    });
  }
  return problems;
}

const PER_SECOND = { s: 1, min: 60, h: 3600, d: 86_400 } as const;

function askedTraffic({ traffic, errors }: PlanOptions): AskedTraffic {
  return {
    ...(traffic === undefined ? {} : { requestsPerSecond: readRate(traffic) }),
    ...(errors === undefined ? {} : { errorRate: readShare(errors) }),
  };
}

function readRate(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\/(s|min|h|d)$/.exec(text);
  if (!match)
    throw new SlipwayError("USAGE", "that is no rate of requests", {
      where: "--traffic",
      given: text,
      allowed: "a number per s, min, h or d, such as 20/s or 5/min",
    });
  return Number(match[1]) / PER_SECOND[match[2] as keyof typeof PER_SECOND];
}

function readShare(text: string): number {
  const match = /^(\d+(?:\.\d+)?)%$/.exec(text);
  const share = match ? Number(match[1]) / 100 : Number.NaN;
  if (!(share >= 0 && share <= 1))
    throw new SlipwayError("USAGE", "that is no share of failed requests", {
      where: "--errors",
      given: text,
      allowed: "a percentage from 0% to 100%, such as 1%",
    });
  return share;
}
