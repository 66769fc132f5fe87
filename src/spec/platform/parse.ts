import { readDocument } from "../document.ts";
import type { Position } from "../document.ts";
import { explainIssues } from "../explain.ts";
import type { FileRules } from "../explain.ts";
import { describeValue, valueAt } from "../issue.ts";
import type { Issue, Path } from "../issue.ts";
import type { JsonSchema } from "../json-schema.ts";
import { locate } from "../locate.ts";
import type { SpecProblem } from "../parse.ts";
import { findClearSecrets, maskSecrets } from "./clear-secrets.ts";
import type { ComponentSpec } from "./component-spec.ts";
import { platformJsonSchema } from "./json-schema.ts";
import { isMap } from "./named-lists.ts";
import { platformNotBuilt } from "./not-built.ts";
import { applyOverlay } from "./overlay.ts";
import type { Merged } from "./overlay.ts";
import type { Platform } from "./platform.ts";
import { quotaIssues } from "./quota-rules.ts";
import { FIXED_KEYS, platformOf, platformSchema } from "./schema.ts";
import { platformIssues } from "./semantics.ts";

/** A file without problems: the platform as it stands, and as it is in each environment. */
export interface ParsedPlatform {
  /** Without an overlay. */
  base: PlatformAt;
  /** In the file's order. */
  environments: ReadonlyMap<string, PlatformAt>;
}

export interface PlatformAt {
  platform: Platform;
  environment?: string;
  /** Where the value at a path of this platform stands: in the overlay, or in the file. */
  position(path: Path): Position;
}

export type ParsePlatformResult =
  | { ok: true; value: ParsedPlatform }
  /** `text` is the file with every secret in it masked: safe to show beside the problems. */
  | { ok: false; problems: SpecProblem[]; text: string };

/**
 * Parses platform.yaml as it stands and in every environment: defaults filled in, quantities as Kubernetes writes
 * them. All problems come at once, in the file's order. Never throws.
 */
export function parsePlatform(
  text: string,
  file: string,
  components: readonly ComponentSpec[],
): ParsePlatformResult {
  const read = readDocument(text, file);
  if (!read.ok) return { ...read, text };
  const { document } = read;
  const secrets = findClearSecrets(document.data);
  const reader = createReader(components);
  const issues = new Map<string, Issue>();
  const note = (issue: Issue): void => {
    const { line, column } = document.position(issue.path, issue.at);
    issues.set(JSON.stringify([line, column, issue.rule, issue.message]), issue);
  };
  const isNoted = ({ path, at, rule, message }: Issue): boolean => {
    const { line, column } = document.position(path, at);
    return issues.has(JSON.stringify([line, column, rule, message]));
  };
  for (const issue of [...secrets.issues, ...environmentIssues(document.data)]) note(issue);
  const { platform, issues: found } = reader(document.data);
  for (const issue of found) note(issue);
  const environments = new Map<string, PlatformAt>();
  for (const [environment, version] of overlaid(document.data)) {
    const result = reader(version.data);
    for (const issue of result.issues) {
      const placed = { ...issue, path: version.origin(issue.path) };
      // The file's own problems show in each of its environments, and are told once.
      if (!isNoted(placed))
        note({ ...placed, message: `${issue.message}, in the environment ${environment}` });
    }
    const position = (path: Path) => document.position(version.origin(path), "value");
    if (result.platform !== undefined)
      environments.set(environment, { platform: result.platform, environment, position });
  }
  if (issues.size === 0 && platform !== undefined) {
    const base: PlatformAt = { platform, position: (path) => document.position(path, "value") };
    return { ok: true, value: { base, environments } };
  }
  return {
    ok: false,
    problems: locate([...issues.values()], document, file),
    text: maskSecrets(
      text,
      secrets.texts,
      secrets.issues.map(({ path }) => document.position(path, "value")),
    ),
  };
}

type Reader = (data: unknown) => { platform?: Platform; issues: Issue[] };

/** Reads one version of a file's data; the schema is made once for all of them. */
function createReader(components: readonly ComponentSpec[]): Reader {
  const schema = platformSchema(components);
  let json: JsonSchema | undefined;
  return (data) => {
    const { shown, texts } = findClearSecrets(data);
    const parsed = schema.safeParse(data);
    const related = platformIssues(shown, components);
    if (parsed.success && texts.length === 0) {
      const platform = platformOf(parsed.data);
      return { platform, issues: [...related, ...quotaIssues(platform)] };
    }
    json ??= platformJsonSchema(components);
    const rules: FileRules = { schema: json, notBuilt: platformNotBuilt };
    const found = parsed.success ? [] : explainIssues(parsed.error.issues, shown, rules);
    return { issues: [...found.map((issue) => named(issue)), ...related] };
  };
}

/** A key under `components` is a component to whoever reads the message. */
function named(issue: Issue): Issue {
  if (issue.rule !== "unknown-key" || issue.path.length !== 2 || issue.path[0] !== "components") return issue;
  return {
    ...issue,
    rule: "unknown-component",
    message: issue.message.replace(/^components has no key/, "there is no component"),
  };
}

function* overlaid(data: unknown): Iterable<[string, Merged]> {
  const environments = valueAt(data, ["environments"]);
  if (!isMap(data) || !isMap(environments)) return;
  const { environments: _, ...base } = data;
  for (const [name, overlay] of Object.entries(environments))
    if (isMap(overlay)) {
      const fixed: readonly string[] = FIXED_KEYS;
      const entries = Object.entries(overlay).filter(([key]) => !fixed.includes(key));
      yield [name, applyOverlay(base, Object.fromEntries(entries), ["environments", name])];
    }
}

function environmentIssues(data: unknown): Issue[] {
  const environments = valueAt(data, ["environments"]);
  if (!isMap(environments)) return [];
  return Object.entries(environments).flatMap(([name, overlay]) =>
    FIXED_KEYS.filter((key) => isMap(overlay) && Object.hasOwn(overlay, key)).map((key): Issue => ({
      path: ["environments", name, key],
      at: "key",
      rule: "fixed-key",
      message: `${describeValue(key)} is the same in every environment`,
      allowed: "leave it out here",
    })),
  );
}
