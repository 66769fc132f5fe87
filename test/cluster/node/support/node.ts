/** What `npm run test:cluster` says of the node that it brought up; nothing of a cluster of somebody's own. */
interface TestNode {
  /** This machine's address for pods. */
  host: string;
  /** Folder of its state. */
  state: string;
  ctr: string;
  socket: string;
  /** Of its programs by name. */
  pids: Record<string, number>;
}

export function testNode(): Partial<TestNode> {
  return JSON.parse(process.env["SLIPWAY_TEST_NODE"] ?? "{}") as Partial<TestNode>;
}

/** Throws where nothing says it. */
export function hostAddress(): string {
  const { host } = testNode();
  if (!host)
    throw new Error("SLIPWAY_TEST_NODE doesn't say how pods reach this machine: npm run test:cluster");
  return host;
}
