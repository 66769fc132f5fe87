import { isServerReady, modelFacts, poolOf, unknownModel } from "../router/model-facts.ts";
import type { PredictionDeps } from "../router/prediction-deps.ts";
import type { VariantPool } from "../router/variant-pool.ts";
import type { Call } from "./call.ts";
import { infer } from "./infer.ts";
import { MESSAGE_PREFIX } from "./message-prefix.ts";
import * as types from "./messages.ts";
import type { Method, UnaryMethod } from "./serve-call.ts";
import { decode, encode } from "./wire/schema.ts";
import type { Message, MessageType } from "./wire/schema.ts";

export type ServiceDeps = PredictionDeps & {
  /** This program's version. */
  version: string;
};

/** What the server offers beyond the protocol's core, by the names that Triton gave. */
const EXTENSIONS = ["model_repository"];

/** Open Inference's gRPC service, and the repository calls; by path. */
export function inferenceMethods(deps: ServiceDeps): [string, Method][] {
  const methods: Record<string, UnaryMethod> = {
    ModelInfer: (call, request) => infer(call, request, deps),
    ServerLive: (call) => answer(call, types.SERVER_LIVE_RESPONSE, { live: true }),
    ServerReady: (call) => answer(call, types.READY_RESPONSE, { ready: isServerReady(deps) }),
    ServerMetadata: (call) =>
      answer(call, types.SERVER_METADATA_RESPONSE, {
        name: "slipway",
        version: deps.version,
        extensions: EXTENSIONS,
      }),
    ModelReady: (call, request) =>
      withModel(call, request, deps, (_name, pool) =>
        answer(call, types.READY_RESPONSE, { ready: pool.isReady }),
      ),
    ModelMetadata: (call, request) =>
      withModel(call, request, deps, (name, pool) => {
        const facts = modelFacts(name, pool, deps);
        if (facts === undefined)
          return call.fail("UNAVAILABLE", "the model isn't loaded yet", { retrySeconds: 1 });
        return answer(call, types.MODEL_METADATA_RESPONSE, facts as unknown as Message);
      }),
    RepositoryIndex: (call, request) => repositoryIndex(call, request, deps),
    RepositoryModelLoad: (call, request) => load(call, request, deps),
    RepositoryModelUnload: (call, request) => unload(call, request, deps),
  };
  return Object.entries(methods).map(([name, method]) => [`/${types.SERVICE}/${name}`, method]);
}

function answer(call: Call, type: MessageType, message: Message): void {
  call.succeed(encode(type, message, MESSAGE_PREFIX));
}

function withModel(
  call: Call,
  request: Buffer,
  deps: ServiceDeps,
  then: (name: string, pool: VariantPool) => void,
): void {
  const { name = "", version = "" } = decode(types.MODEL_REQUEST, request) as Record<string, string>;
  const isVersion = version === "" || /^[1-9]\d{0,8}$/.test(version);
  const pool = isVersion ? poolOf(name, version === "" ? undefined : Number(version), deps) : undefined;
  if (pool === undefined) return call.fail("NOT_FOUND", unknownModel(name, version));
  return then(name, pool);
}

function repositoryIndex(call: Call, request: Buffer, { rules, variants }: ServiceDeps): void {
  const { ready = false } = decode(types.REPOSITORY_INDEX_REQUEST, request);
  const models = variants.specs().flatMap((spec) => {
    const isReady = variants.find(spec)?.isReady === true;
    if (rules.find(spec.service) === undefined || (ready === true && !isReady)) return [];
    const state = isReady ? "READY" : "UNAVAILABLE";
    return [{ name: spec.service, version: String(spec.version), state, reason: isReady ? "" : "loading" }];
  });
  answer(call, types.REPOSITORY_INDEX_RESPONSE, { models });
}

function namedModel(request: Buffer): string {
  const { first = "", second = "" } = decode(types.REPOSITORY_MODEL_REQUEST, request);
  return String(second === "" ? first : second);
}

/** What is served is said in Git: a model that is served is loaded, and another can't be. */
function load(call: Call, request: Buffer, deps: ServiceDeps): void {
  const name = namedModel(request);
  const pool = poolOf(name, undefined, deps);
  if (pool === undefined)
    return call.fail("NOT_FOUND", `${unknownModel(name, undefined)}; a push of its project loads it`);
  if (!pool.isReady)
    return call.fail("UNAVAILABLE", `${JSON.stringify(name)} is being loaded`, { retrySeconds: 1 });
  return answer(call, types.REPOSITORY_MODEL_RESPONSE, { model_name: name, is_done: true });
}

function unload(call: Call, request: Buffer, deps: ServiceDeps): void {
  const name = namedModel(request);
  if (poolOf(name, undefined, deps) === undefined)
    return call.fail("NOT_FOUND", unknownModel(name, undefined));
  return call.fail(
    "FAILED_PRECONDITION",
    `${JSON.stringify(name)} is served as its project says; take \`serving\` out of slipway.yaml and push to end that`,
  );
}
