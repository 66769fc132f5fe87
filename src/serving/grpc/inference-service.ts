import { isServerReady, modelFacts, poolOf, unknownModel } from "../router/model-facts.ts";
import { LOADED_AS_PUSHED, loadModel, repositoryIndex, unloadRefusal } from "../router/model-repository.ts";
import type { PredictionDeps } from "../router/prediction-deps.ts";
import type { Refusal } from "../router/refusal.ts";
import type { VariantPool } from "../router/variant-pool.ts";
import { withinReach } from "../router/visible-rules.ts";
import type { Call } from "./call.ts";
import { infer } from "./infer.ts";
import { MESSAGE_PREFIX } from "./message-prefix.ts";
import * as types from "./messages.ts";
import type { Method } from "./serve-call.ts";
import { codeOfHttp } from "./status.ts";
import { decode, encode } from "./wire/schema.ts";
import type { Message, MessageType } from "./wire/schema.ts";

export type ServiceDeps = PredictionDeps & {
  /** This program's version. */
  version: string;
};

/** What the server offers beyond the protocol's core, by the names that Triton gave. */
const EXTENSIONS = ["model_repository"];
const RETRY_SECONDS = 1;

/** Open Inference's gRPC service, and the repository calls; by path. */
export function inferenceMethods(deps: ServiceDeps): [string, Method][] {
  const own = withinReach(deps);
  const methods: Record<string, Method> = {
    ModelInfer: (call, request) => infer(call, request, own(call.reach)),
    ServerLive: (call) => answer(call, types.SERVER_LIVE_RESPONSE, { live: true }),
    ServerReady: (call) => answer(call, types.READY_RESPONSE, { ready: isServerReady(deps) }),
    ServerMetadata: (call) =>
      answer(call, types.SERVER_METADATA_RESPONSE, {
        name: "slipway",
        version: deps.version,
        extensions: EXTENSIONS,
      }),
    // Triton's clients ask again and again until it is; they take an error for the end of it.
    ModelReady: (call, request) =>
      answer(call, types.READY_RESPONSE, {
        ready: namedModel(request, own(call.reach)).pool?.isReady === true,
      }),
    ModelMetadata: (call, request) => {
      const { name, version, pool } = namedModel(request, own(call.reach));
      if (pool === undefined) return call.fail("NOT_FOUND", unknownModel(name, version));
      const facts = modelFacts(name, pool, deps);
      if (facts === undefined) return refuse(call, { status: 503, message: "the model isn't loaded yet" });
      return answer(call, types.MODEL_METADATA_RESPONSE, facts as unknown as Message);
    },
    RepositoryIndex: (call, request) => index(call, request, own(call.reach)),
    RepositoryModelLoad: (call, request) => load(call, request, own(call.reach)),
    RepositoryModelUnload: (call, request) => unload(call, request, own(call.reach)),
  };
  return Object.entries(methods).map(([name, method]) => [`/${types.SERVICE}/${name}`, method]);
}

function answer(call: Call, type: MessageType, message: Message): void {
  call.succeed(encode(type, message, MESSAGE_PREFIX));
}

function namedModel(
  request: Buffer,
  deps: ServiceDeps,
): { name: string; version: string; pool: VariantPool | undefined } {
  const { name = "", version = "" } = decode(types.MODEL_REQUEST, request) as Record<string, string>;
  const isVersion = version === "" || /^[1-9]\d{0,8}$/.test(version);
  const pool = isVersion ? poolOf(name, version === "" ? undefined : Number(version), deps) : undefined;
  return { name, version, pool };
}

function index(call: Call, request: Buffer, deps: ServiceDeps): void {
  const { ready } = decode(types.REPOSITORY_INDEX_REQUEST, request);
  const models = repositoryIndex(ready === true, deps).map((entry): Message => ({ ...entry }));
  answer(call, types.REPOSITORY_INDEX_RESPONSE, { models });
}

function load(call: Call, request: Buffer, deps: ServiceDeps): void {
  const { model, isConfigured } = repositoryRequest(request);
  if (isConfigured && deps.rules.find(model) !== undefined) return refuse(call, LOADED_AS_PUSHED);
  const stop = loadModel(model, deps, (refusal) => {
    if (refusal !== undefined) return refuse(call, refusal);
    return answer(call, types.REPOSITORY_MODEL_RESPONSE, { model_name: model, is_done: true });
  });
  return call.onLeft(stop);
}

function unload(call: Call, request: Buffer, deps: ServiceDeps): void {
  refuse(call, unloadRefusal(repositoryRequest(request).model, deps));
}

function repositoryRequest(request: Buffer): { model: string; isConfigured: boolean } {
  const { first = "", second = "", parameters } = decode(types.REPOSITORY_MODEL_REQUEST, request);
  return { model: String(second === "" ? first : second), isConfigured: parameters !== undefined };
}

function refuse(call: Call, { status, message }: Refusal): void {
  call.fail(codeOfHttp(status), message, status === 503 ? { retrySeconds: RETRY_SECONDS } : {});
}
