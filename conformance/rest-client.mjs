// The client of one server over REST. What all transports share has one name: live, ready, modelReady, serverMetadata,
// modelMetadata, infer. Another transport's client offers the same and names itself; `send` is REST's own.
import { Refused } from "./outcome.mjs";

const WITHIN_MS = 20_000;

/** @param {string} url of the server, without /v2 */
export function restClient(url, { token } = {}) {
  const base = url.replace(/\/+$/, "");

  /** Any request; answers status, headers, the body's bytes and, where it is JSON, its value. */
  async function send(method, path, { body, headers = {} } = {}) {
    const isValue = body !== undefined && typeof body !== "string" && !(body instanceof Uint8Array);
    const response = await fetch(base + path, {
      method,
      ...(body === undefined ? {} : { body: isValue ? JSON.stringify(body) : body }),
      headers: {
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...headers,
      },
      signal: AbortSignal.timeout(WITHIN_MS),
    });
    const bytes = Buffer.from(await response.arrayBuffer());
    let json;
    try {
      json = JSON.parse(bytes.toString("utf8"));
    } catch {
      // Whether it had to be JSON is for the check to say.
    }
    return { status: response.status, headers: response.headers, bytes, json };
  }

  /** The JSON of an answer with 200; Refused for one from 400 in the protocol's shape. */
  async function call(method, path, options) {
    const { status, json, bytes } = await send(method, path, options);
    if (status === 200) return json;
    const message = typeof json?.error === "string" ? json.error : undefined;
    if (message === undefined)
      throw new Error(
        `${method} ${path} answers ${status} without {"error": string}: ${bytes.toString("utf8", 0, 120)}`,
      );
    throw new Refused(status, message);
  }

  return {
    transport: "rest",
    send,
    call,
    live: async () => (await send("GET", "/v2/health/live")).status === 200,
    ready: async () => (await send("GET", "/v2/health/ready")).status === 200,
    modelReady: async (name, version) => (await send("GET", `${path(name, version)}/ready`)).status === 200,
    serverMetadata: () => call("GET", "/v2"),
    modelMetadata: (name, version) => call("GET", path(name, version)),
    /**
     * @param request Open Inference's inference request as an object, with `data` as flat values
     * @returns its answer; `data` of each output as flat values
     */
    async infer(name, request, version) {
      const answer = await call("POST", `${path(name, version)}/infer`, { body: request });
      return {
        ...answer,
        outputs: answer?.outputs?.map((output) => ({ ...output, data: output.data?.flat(Infinity) })),
      };
    },
    close: async () => undefined,
  };
}

/** Of a model, or of one version of it. */
export function path(name, version) {
  const model = `/v2/models/${encodeURIComponent(name)}`;
  return version === undefined ? model : `${model}/versions/${encodeURIComponent(version)}`;
}
