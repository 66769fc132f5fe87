// Calls of MLflow's API while a benchmark prepares; not measured.
import { Agent, request } from "node:http";

const AGENT = new Agent({ keepAlive: true, maxSockets: 64 });
/** `mlflow server` takes more than a minute for a search over 100 k runs that it has just been filled with. */
const ATTEMPTS_MS = 300_000;

/** One call; the answer's JSON. Throws with the server's own words. */
export function call(server, method, path, body) {
  const text = body === undefined ? "" : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        port: server.port,
        host: "127.0.0.1",
        agent: AGENT,
        method,
        path,
        timeout: ATTEMPTS_MS,
        headers:
          text === ""
            ? {}
            : { "content-type": "application/json", "content-length": Buffer.byteLength(text) },
      },
      (answer) => {
        const chunks = [];
        answer.on("data", (chunk) => chunks.push(chunk));
        answer.on("error", reject);
        answer.on("end", () => {
          const said = Buffer.concat(chunks).toString();
          if (answer.statusCode >= 300) {
            reject(
              new Error(`${method} ${path.slice(0, 80)}: HTTP ${answer.statusCode} ${said.slice(0, 200)}`),
            );
          } else resolve(JSON.parse(said));
        });
      },
    );
    sent.on("error", reject);
    sent.on("timeout", () => sent.destroy(new Error(`${method} ${path.slice(0, 80)}: no answer`)));
    sent.end(text);
  });
}

export const post = (server, path, body) => call(server, "POST", `/api/2.0/mlflow/${path}`, body);
