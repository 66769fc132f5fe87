// The serve process's own interface, which control uses: to make variants come and go without a rollout.
import { request } from "node:http";
import { existsSync } from "node:fs";
import { join } from "node:path";

/** Calls by name; rejects with the error that serve gives. */
export function serveAdmin(dataDir) {
  const socketPath = join(dataDir, "run", "serve.sock");
  if (!existsSync(socketPath))
    throw new Error(`${socketPath} isn't there: is the path too long for a socket?`);
  return (name, given = null) =>
    new Promise((resolve, reject) => {
      const sent = request({ socketPath, method: "POST", path: `/${name}` }, (answer) => {
        let text = "";
        answer.setEncoding("utf8").on("data", (chunk) => (text += chunk));
        answer.on("end", () => {
          const { result, error } = JSON.parse(text);
          if (error === undefined) resolve(result);
          else reject(new Error(`${name}: ${error.message}`));
        });
      });
      sent.on("error", reject);
      sent.end(JSON.stringify(given));
    });
}
