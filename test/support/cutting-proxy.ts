import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** Stands between a client and a server on loopback, and cuts the line at a word. */
export interface CuttingProxy {
  port: number;
  /** The next connection whose client says the word loses it: before the server hears the word, or after. */
  cutAt(word: string, when: "before" | "after"): void;
  close(): void;
}

export async function cuttingProxy(serverPort: number): Promise<CuttingProxy> {
  let cut: { word: string; when: "before" | "after" } | undefined;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(serverPort, "127.0.0.1");
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("error", () => {});
      socket.on("close", () => sockets.delete(socket));
    }
    client.on("data", (given: Buffer) => {
      const chunk = new Uint8Array(given);
      if (cut === undefined || !given.includes(cut.word)) return void upstream.write(chunk);
      const { when } = cut;
      cut = undefined;
      client.destroy();
      if (when === "before") upstream.destroy();
      // The server does what it was told, and finds nobody to tell.
      else upstream.end(chunk);
    });
    upstream.on("data", (chunk: Buffer) => void client.write(new Uint8Array(chunk)));
    upstream.on("close", () => client.destroy());
    client.on("close", () => upstream.end());
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    cutAt: (word, when) => void (cut = { word, when }),
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
