import { createReadStream } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import { SlipwayError } from "../../http/errors.ts";
import type { LabelsAnswer } from "../api.ts";
import { printJson, withHelp, withTenantOptions } from "../context.ts";
import type { CliContext, TenantOptions } from "../context.ts";
import { EXIT, exitCodesHelp } from "../exit.ts";
import { linesOf } from "../lines.ts";

interface Label {
  id: string;
  label?: string | number | boolean | (string | number | boolean)[];
  loss?: number;
  at?: number | string;
}

/** A label with the line that it came from. */
interface Line {
  label: Label;
  number: number;
}

/** Labels of one request: large enough to be quick, small enough for the platform's body limit. */
const BATCH = 1000;

/** `slipway labels MODEL FILE`: sends the true labels of predictions. */
export function addLabels(program: Command, context: CliContext): void {
  const command = program
    .command("labels")
    .description("send the true labels of predictions, by request id")
    .argument("<model>", "name of the service")
    .argument(
      "<file>",
      'JSON lines {"id": "<x-slipway-request-id>", "label": …, "at": …}; "loss": 0 to 1 instead of "label"; - is standard input',
    )
    .action(
      context.action((model: string, file: string, options: TenantOptions) =>
        labels(context, model, file, options),
      ),
    );
  withTenantOptions(command);
  withHelp(
    command,
    ["slipway labels digits labels.jsonl", "tail -f truth.jsonl | slipway labels digits -"],
    `${exitCodesHelp("unreachable", "notFound")}\nSending a label again is safe: it counts as a duplicate. Of ${BATCH} lines that go together, all are taken or none.`,
  );
}

async function labels(
  context: CliContext,
  model: string,
  file: string,
  options: TenantOptions,
): Promise<number> {
  const client = context.tenantClient(options);
  const total: LabelsAnswer = {
    accepted: 0,
    duplicate: 0,
    unknown: 0,
    late: 0,
    conflicting: 0,
    mismatch: 0,
  };
  let batch: Line[] = [];
  let sent = 0;
  const send = async (): Promise<void> => {
    if (batch.length === 0) return;
    const path = `/services/${encodeURIComponent(model)}/labels`;
    const lines = batch;
    const answer = await client
      .post<LabelsAnswer>(path, { labels: lines.map(({ label }) => label) })
      .catch((error: unknown) => {
        throw atLine(error, file, lines, sent);
      });
    for (const key of Object.keys(total) as (keyof LabelsAnswer)[]) total[key] += answer[key] ?? 0;
    sent += batch.length;
    batch = [];
  };
  let number = 0;
  for await (const line of readLines(context, file)) {
    number++;
    if (line.trim() === "") continue;
    batch.push({ label: parseLabel(line, placeOf(file, number), () => sent), number });
    if (batch.length >= BATCH) await send();
  }
  await send();
  if (options.json === true) printJson(context, total);
  else
    context.terminal.write(
      `${total.accepted} accepted, ${total.duplicate} duplicate, ${total.unknown} unknown, ${total.late} late, ${total.conflicting} conflicting, ${total.mismatch} mismatch\n`,
    );
  return EXIT.ok;
}

async function* readLines(context: CliContext, file: string): AsyncIterable<string> {
  const { stdin, cwd } = context.terminal;
  if (file === "-") return yield* linesOf(stdin);
  try {
    yield* linesOf(createReadStream(resolve(cwd, file)));
  } catch (error) {
    throw new SlipwayError("LABELS_INVALID", `${file} can't be read: ${(error as Error).message}`, {
      hint: "Name a file of JSON lines, or - for standard input.",
      cause: error,
    });
  }
}

function parseLabel(line: string, where: string, sent: () => number): Label {
  const wrong = wrongWith(line);
  if (wrong === undefined) return JSON.parse(line) as Label;
  const { what, field = "", given, allowed } = wrong;
  throw new SlipwayError(
    "LABELS_INVALID",
    `a line isn't a label: ${what}; ${sent()} labels before it were sent`,
    { where: within(where, field), given: given.slice(0, 80), ...(allowed === undefined ? {} : { allowed }) },
  );
}

interface Wrong {
  what: string;
  field?: string;
  given: string;
  allowed?: string;
}

const KEYS = ["id", "label", "loss", "at"];

/** What keeps a line from being a label; undefined: nothing that can be seen here. */
function wrongWith(line: string): Wrong | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return { what: "it isn't JSON", given: line };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return { what: "it isn't a JSON object", given: line };
  const fields = value as Record<string, unknown>;
  const wrong = (field: string, what: string, allowed: string): Wrong => {
    const one = fields[field];
    // JSON can write a number that none can hold; written again, it would be null.
    const given = typeof one === "number" ? String(one) : (JSON.stringify(one) ?? "nothing");
    return { what, field, given, allowed };
  };
  const unknown = Object.keys(fields).find((key) => !KEYS.includes(key));
  if (unknown !== undefined) return wrong(unknown, "it has an unknown key", KEYS.join(", "));
  const { id, label, loss, at } = fields;
  if (typeof id !== "string" || id === "")
    return wrong("id", "its id is no text", "the answer's x-slipway-request-id");
  if (label === undefined && loss === undefined)
    return wrong("label", "it has neither label nor loss", "label (the truth) or loss (0 to 1)");
  if (label !== undefined && !isPlain(label))
    return wrong(
      "label",
      "its label is no class",
      "text, a number or a truth value, or a list of them, one per row",
    );
  if (loss !== undefined && !isNumber(loss))
    return wrong("loss", "its loss is no number", "a number from 0 (right) to 1 (as wrong as can be)");
  if (at !== undefined && typeof at !== "string" && !isNumber(at))
    return wrong("at", "its time can't be read", "milliseconds since the epoch, or ISO 8601 with its offset");
  return undefined;
}

function isNumber(value: unknown): boolean {
  return typeof value === "number" && Number.isFinite(value);
}

function isPlain(label: unknown): boolean {
  const each: unknown[] = Array.isArray(label) ? label : [label];
  return each.length > 0 && each.every((one) => isNumber(one) || ["string", "boolean"].includes(typeof one));
}

/** A line of the file, as editors know it. */
function placeOf(file: string, line: number): string {
  return file === "-" ? `standard input, line ${line}` : `${file}:${line}`;
}

function within(place: string, field: string): string {
  return field === "" ? place : `${place} ${field}`;
}

/** The platform's refusal of one label, at the line that it came from. */
function atLine(error: unknown, file: string, lines: readonly Line[], sent: number): unknown {
  if (!(error instanceof SlipwayError)) return error;
  const [, index, rest = ""] = /^body\.labels\.(\d+)\.?(.*)$/.exec(error.facts.where ?? "") ?? [];
  const line = index === undefined ? undefined : lines[Number(index)];
  if (!line) return error;
  const message = `${error.message}; ${sent} labels before these were sent`;
  return new SlipwayError(error.code, message, {
    ...error.facts,
    where: within(placeOf(file, line.number), rest),
  });
}
