import { anyValue, plain, type AnyValue } from "./otlp/any-value.ts";

type Attributes = Map<string, AnyValue>;

/** Where a convention of OpenTelemetry puts what MLflow keeps under names of its own. */
interface Convention {
  kind: string;
  types: Readonly<Record<string, string>>;
  inputTokens: string;
  outputTokens: string;
  totalTokens?: string;
  cacheRead?: string;
  cacheCreation?: string;
  inputs: readonly string[];
  outputs: readonly string[];
  model: readonly string[];
  provider: string;
}

const CONVENTIONS: readonly Convention[] = [
  {
    // https://github.com/Arize-ai/openinference/blob/main/spec/semantic_conventions.md
    kind: "openinference.span.kind",
    types: Object.fromEntries(
      ["TOOL", "CHAIN", "LLM", "RETRIEVER", "EMBEDDING", "AGENT", "RERANKER", "GUARDRAIL", "EVALUATOR"].map(
        (type) => [type, type],
      ),
    ),
    inputTokens: "llm.token_count.prompt",
    outputTokens: "llm.token_count.completion",
    totalTokens: "llm.token_count.total",
    cacheRead: "llm.token_count.prompt_details.cache_read",
    cacheCreation: "llm.token_count.prompt_details.cache_write",
    inputs: ["input.value"],
    outputs: ["output.value"],
    model: ["llm.response.model_name", "llm.model_name", "llm.request.model_name", "embedding.model_name"],
    provider: "llm.provider",
  },
  {
    // https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/
    kind: "gen_ai.operation.name",
    types: {
      chat: "CHAT_MODEL",
      create_agent: "AGENT",
      embeddings: "EMBEDDING",
      execute_tool: "TOOL",
      generate_content: "LLM",
      invoke_agent: "AGENT",
      text_completion: "LLM",
      response: "LLM",
    },
    inputTokens: "gen_ai.usage.input_tokens",
    outputTokens: "gen_ai.usage.output_tokens",
    cacheRead: "gen_ai.usage.cache_read.input_tokens",
    cacheCreation: "gen_ai.usage.cache_creation.input_tokens",
    inputs: ["gen_ai.input.messages", "gen_ai.tool.call.arguments"],
    outputs: ["gen_ai.output.messages", "gen_ai.tool.call.result"],
    model: ["gen_ai.response.model", "gen_ai.request.model"],
    provider: "gen_ai.provider.name",
  },
  {
    // https://github.com/traceloop/openllmetry
    kind: "traceloop.span.kind",
    types: { workflow: "WORKFLOW", task: "TASK", agent: "AGENT", tool: "TOOL" },
    inputTokens: "gen_ai.usage.prompt_tokens",
    outputTokens: "gen_ai.usage.completion_tokens",
    totalTokens: "llm.usage.total_tokens",
    inputs: ["traceloop.entity.input", "gen_ai.prompt.0.content"],
    outputs: ["traceloop.entity.output", "gen_ai.completion.0.content"],
    model: [],
    provider: "gen_ai.system",
  },
];

/**
 * Adds MLflow's attributes to a span that another instrumentation made: its type, inputs, outputs, token usage, model
 * and provider. What the span says in MLflow's own words is left as it is.
 */
export function translate(attributes: Attributes): void {
  const type = plain(attributes.get("mlflow.spanType"));
  if (type === null || type === "UNKNOWN") put(attributes, "mlflow.spanType", spanType(attributes));
  add(attributes, "mlflow.spanInputs", ({ inputs }) => first(attributes, inputs));
  add(attributes, "mlflow.spanOutputs", ({ outputs }) => first(attributes, outputs));
  add(attributes, "mlflow.chat.tokenUsage", (convention) => usage(attributes, convention));
  add(attributes, "mlflow.llm.model", ({ model }) => first(attributes, model));
  add(attributes, "mlflow.llm.provider", ({ provider }) => first(attributes, [provider]));
  if (!attributes.has("mlflow.llm.model")) put(attributes, "mlflow.llm.model", modelOfMessages(attributes));
}

function add(
  attributes: Attributes,
  key: string,
  find: (convention: Convention) => AnyValue | undefined,
): void {
  if (attributes.has(key)) return;
  for (const convention of CONVENTIONS) {
    const value = find(convention);
    if (value) return put(attributes, key, value);
  }
}

function put(attributes: Attributes, key: string, value: AnyValue | undefined): void {
  if (value) attributes.set(key, value);
}

function spanType(attributes: Attributes): AnyValue | undefined {
  for (const { kind, types } of CONVENTIONS) {
    const value = plain(attributes.get(kind));
    if (typeof value === "string" && Object.hasOwn(types, value)) return { string_value: types[value] ?? "" };
  }
  return undefined;
}

function first(attributes: Attributes, keys: readonly string[]): AnyValue | undefined {
  return keys.map((key) => attributes.get(key)).find((value) => value && !isEmpty(value));
}

function isEmpty(value: AnyValue): boolean {
  const { string_value: string, array_value: array, kvlist_value: entries } = value;
  return string === "" || array?.values.length === 0 || entries?.values.length === 0 || plain(value) === null;
}

function usage(attributes: Attributes, convention: Convention): AnyValue | undefined {
  const count = (key: string | undefined): number | undefined => {
    const value = key === undefined ? null : plain(attributes.get(key));
    const number = typeof value === "string" && value !== "" ? Number(value) : value;
    return Number.isSafeInteger(number) ? (number as number) : undefined;
  };
  const input = count(convention.inputTokens);
  const output = count(convention.outputTokens);
  const both = input === undefined || output === undefined ? undefined : input + output;
  const total = count(convention.totalTokens) ?? both;
  if (input === undefined && output === undefined && total === undefined) return undefined;
  const counts = {
    input_tokens: input,
    output_tokens: output,
    total_tokens: total,
    cache_read_input_tokens: count(convention.cacheRead),
    cache_creation_input_tokens: count(convention.cacheCreation),
  };
  return anyValue(Object.fromEntries(Object.entries(counts).filter(([, value]) => value !== undefined)));
}

/** Clients of chat APIs send and get the model's name within the messages. */
function modelOfMessages(attributes: Attributes): AnyValue | undefined {
  for (const key of ["mlflow.spanInputs", "mlflow.spanOutputs"]) {
    const entries = attributes.get(key)?.kvlist_value?.values;
    const model = entries?.find((entry) => entry.key === "model")?.value?.string_value;
    if (model) return { string_value: model };
  }
  return undefined;
}
