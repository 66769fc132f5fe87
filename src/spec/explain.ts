import type { z } from "zod";
import type { IssueParams } from "./fields.ts";
import { describeValue, formatPath, valueAt } from "./issue.ts";
import type { Issue, Path } from "./issue.ts";
import { allowedWords, mapOf, schemaAt } from "./json-schema.ts";
import type { JsonSchema } from "./json-schema.ts";
import { nearest } from "./nearest.ts";

type ZodIssue = z.core.$ZodIssue;

/** What a file may hold. */
export interface FileRules {
  schema: JsonSchema;
  /** What a key that isn't built would do; undefined for any other key. */
  notBuilt(path: Path): string | undefined;
}

/** zod's issues about a file's data in our words: the rule, what was given, what is allowed. */
export function explainIssues(issues: readonly ZodIssue[], data: unknown, rules: FileRules): Issue[] {
  return issues.flatMap((issue) => explainIssue(issue, data, rules));
}

function explainIssue(issue: ZodIssue, data: unknown, file: FileRules): Issue[] {
  const { schema } = file;
  const path = issue.path as Path;
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((key) => unknownKey([...path, key], valueAt(data, [...path, key]), file));
  const value = valueAt(data, path);
  if (value === undefined) return [missingKey(path, schema)];
  const given = describeValue(value);
  const where = formatPath(path);
  if (issue.code === "invalid_key") {
    const params = customParams(issue.issues[0]);
    const name = describeValue(path.at(-1));
    const reason = issue.issues[0]?.message ?? "isn't taken";
    return [
      { path, at: "key", rule: params.rule, message: `${name} ${reason}`, given: name, ...allowed(params) },
    ];
  }
  if (issue.code === "custom") {
    const params = customParams(issue);
    return [
      {
        path,
        at: "value",
        rule: params.rule,
        message: `${where} ${issue.message}`,
        given,
        ...allowed(params),
      },
    ];
  }
  const inner = takenBranch(issue);
  if (inner !== undefined)
    return inner.flatMap((one) => explainIssue({ ...one, path: [...path, ...one.path] }, data, file));
  const rules = schemaAt(schema, path);
  const words = path.length === 0 ? `a map with the keys ${keysOf(schema)}` : rules && allowedWords(rules);
  const near =
    typeof value === "string" && rules?.enum !== undefined
      ? nearest(value, rules.enum.map(String))
      : undefined;
  const guess = near === undefined ? "" : `; did you mean ${near}?`;
  return [
    {
      path,
      at: "value",
      rule: RULES[issue.code] ?? "invalid",
      message: `${where} ${MESSAGES[issue.code] ?? "isn't valid"}${guess}`,
      given,
      ...(words === undefined ? {} : { allowed: words }),
    },
  ];
}

const RULES: Readonly<Record<string, string>> = {
  invalid_type: "wrong-type",
  invalid_union: "wrong-type",
  invalid_value: "not-allowed",
  invalid_format: "format",
  too_small: "range",
  too_big: "range",
};

const MESSAGES: Readonly<Record<string, string>> = {
  invalid_type: "has the wrong type",
  invalid_union: "has the wrong type",
  invalid_value: "has a value that isn't known",
  invalid_format: "has a form that isn't allowed",
  too_small: "is too small",
  too_big: "is too large",
};

function customParams(issue: ZodIssue | undefined): IssueParams {
  const params = issue?.code === "custom" ? (issue.params as IssueParams | undefined) : undefined;
  return params ?? { rule: "invalid" };
}

/** What the branch of a union says that took the value's type and refused its content. */
function takenBranch(issue: ZodIssue): ZodIssue[] | undefined {
  if (issue.code !== "invalid_union") return undefined;
  return issue.errors.find((branch) =>
    branch.every(
      ({ code, path }) => path.length > 0 || (code !== "invalid_type" && code !== "invalid_value"),
    ),
  );
}

function allowed(params: IssueParams): { allowed?: string } {
  return params.allowed === undefined ? {} : { allowed: params.allowed };
}

function keysOf(schema: JsonSchema | undefined): string {
  return Object.keys(schema?.properties ?? {}).join(", ");
}

function missingKey(path: Path, schema: JsonSchema): Issue {
  const rules = schemaAt(schema, path);
  const parent = formatPath(path.slice(0, -1));
  return {
    path,
    at: "key",
    rule: "missing-key",
    message: `${parent} has no key ${describeValue(path.at(-1))}`,
    ...(rules === undefined ? {} : { allowed: allowedWords(rules) }),
  };
}

function unknownKey(path: Path, value: unknown, { schema, notBuilt }: FileRules): Issue {
  const feature = notBuilt(path);
  const key = describeValue(path.at(-1));
  if (feature !== undefined)
    return {
      path,
      at: "key",
      rule: "not-built-yet",
      message: `${formatPath(path)} isn't built yet: ${feature}`,
      given: describeValue(value),
      allowed: "leave the key out; no key is ignored in silence",
    };
  const known = Object.keys(mapOf(schemaAt(schema, path.slice(0, -1)))?.properties ?? {});
  const near = nearest(String(path.at(-1)), known);
  const guess = near === undefined ? "" : `; did you mean ${describeValue(near)}?`;
  return {
    path,
    at: "key",
    rule: "unknown-key",
    message: `${formatPath(path.slice(0, -1))} has no key ${key}${guess}`,
    given: key,
    allowed: known.join(", "),
  };
}
