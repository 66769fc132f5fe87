import { Readable } from "node:stream";
import type { FastifyInstance } from "fastify";
import { toSlipwayError } from "../http/errors.ts";
import { printable } from "../spec/issue.ts";
import type { HookAnswer, HookRequest } from "./hook-protocol.ts";
import { readReport, type Conversation } from "./hook-report.ts";
import { follow, type PostReceiveDeps } from "./post-receive.ts";
import { judge, type PreReceiveDeps } from "./pre-receive.ts";
import type { Pushes } from "./pushes.ts";

export interface HookRoutesDeps extends PreReceiveDeps, PostReceiveDeps {
  pushes: Pushes;
}

/** Of one hook's report: about 10,000 references. */
const MAX_REPORT_BYTES = 1024 * 1024;

const SCHEMA = {
  params: {
    type: "object",
    required: ["hook"],
    properties: { hook: { enum: ["pre-receive", "post-receive"] } },
  },
  body: {
    type: "object",
    required: ["repository", "updates"],
    properties: {
      repository: { type: "string", maxLength: 4096 },
      push: { type: "string", maxLength: 64 },
      quarantine: { type: "string", maxLength: 4096 },
      updates: {
        type: "array",
        items: {
          type: "object",
          required: ["previous", "commit", "ref"],
          properties: {
            previous: { type: "string", pattern: "^[0-9a-f]{40,64}$" },
            commit: { type: "string", pattern: "^[0-9a-f]{40,64}$" },
            ref: { type: "string", maxLength: 4096, pattern: "^refs/" },
          },
        },
      },
    },
  },
} as const;

/**
 * What Git's hooks ask, for an application that listens on the hooks socket only. The answer is a stream of
 * JSON lines (HookAnswer), so that progress shows while the push is still open.
 */
export function hookRoutes(app: FastifyInstance, deps: HookRoutesDeps): void {
  app.post<{ Params: { hook: string }; Body: HookRequest }>(
    "/hooks/:hook",
    { schema: { ...SCHEMA, hide: true }, bodyLimit: MAX_REPORT_BYTES },
    async (request, reply) => {
      const gone = new AbortController();
      const leave = (): void => gone.abort();
      const push = deps.pushes.find(request.body.push);
      reply.raw.once("close", leave);
      push?.watched.addEventListener("abort", leave, { once: true });
      if (push?.watched.aborted) leave();
      const said = request.params.hook === "pre-receive" ? judge(deps) : follow(deps);
      const conversation = (async function* () {
        const report = await readReport(deps.repositories, request.body, push, gone.signal);
        return yield* said(report);
      })();
      const answers = answer(deps, request.params.hook, conversation, gone.signal);
      return reply.type("application/x-ndjson").send(Readable.from(answers, { objectMode: true }));
    },
  );
}

/**
 * Lines and verdict as the hook reads them; a failure of ours refuses a push that isn't accepted yet. Once it is,
 * the conversation ends when nobody listens, whatever it is waiting for.
 */
async function* answer(
  deps: HookRoutesDeps,
  hook: string,
  conversation: Conversation,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const encode = (line: HookAnswer): string => `${JSON.stringify(line)}\n`;
  const left = hook === "post-receive" ? whenAborted(signal) : new Promise<never>(() => {});
  try {
    for (;;) {
      const next = await Promise.race([conversation.next(), left]);
      if (next.done) {
        yield encode({ exit: next.value });
        return;
      }
      for (const line of next.value.split("\n")) yield encode({ say: printable(line) });
    }
  } catch (thrown) {
    const error = toSlipwayError(thrown);
    if (error.status >= 500) deps.logDefect(thrown, `the ${hook} hook`);
    yield encode({ say: `slipway: ${printable(error.message)}` });
    yield encode({ say: printable(error.hint) });
    yield encode({ exit: hook === "pre-receive" ? 1 : 0 });
  } finally {
    // Whatever is being followed lets go; not waited for, as it may be in the middle of a wait of its own.
    void conversation.return(0).catch(() => {});
  }
}

/** As a conversation's end, once the signal is aborted. */
function whenAborted(signal: AbortSignal): Promise<IteratorReturnResult<number>> {
  return new Promise((resolve) => {
    const end = (): void => resolve({ done: true, value: 0 });
    if (signal.aborted) end();
    signal.addEventListener("abort", end, { once: true });
  });
}
