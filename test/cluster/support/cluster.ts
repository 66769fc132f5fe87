import { systemClock } from "../../../src/base/clock.ts";
import { Credentials } from "../../../src/targets/kubernetes/cluster/credentials.ts";
import { readKubeconfig } from "../../../src/targets/kubernetes/cluster/kubeconfig.ts";
import { connectStreams, type OpenStream } from "../../../src/targets/kubernetes/cluster/stream.ts";
import { connect, type Send } from "../../../src/targets/kubernetes/cluster/transport.ts";

/** The cluster of these tests; what looks at it goes by the plain API, not by the code that is tested. */
export interface TestCluster {
  kubeconfig: string;
  send: Send;
  open: OpenStream;
  /** GET, with 404 as undefined; throws for any other status than 200. */
  get<Answer>(path: string): Promise<Answer | undefined>;
}

/** Throws when `npm run test:cluster` didn't name a cluster. */
export function testCluster(kubeconfig = process.env["SLIPWAY_TEST_KUBECONFIG"]): TestCluster {
  if (!kubeconfig) throw new Error("SLIPWAY_TEST_KUBECONFIG names no cluster: npm run test:cluster -- --api");
  const access = readKubeconfig({ env: {}, cwd: process.cwd(), kubeconfig });
  const credentials = new Credentials(access, { clock: systemClock, env: process.env });
  const send = connect(access, { credentials, clock: systemClock });
  return {
    kubeconfig,
    send,
    open: connectStreams(access, { credentials }),
    async get<Answer>(path: string): Promise<Answer | undefined> {
      const { status, body } = await send({ method: "GET", path });
      if (status === 404) return undefined;
      if (status !== 200) throw new Error(`GET ${path}: ${status} ${JSON.stringify(body).slice(0, 500)}`);
      return body as Answer;
    },
  };
}
