// Stands in for the control process: says who it is, and echoes bodies, on control's socket.
import { rmSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";

process.on("disconnect", () => process.exit(0));
process.on("message", (message) => {
  if (message.type === "stop") process.exit(0);
  if (message.type !== "start") return;
  const socket = join(message.config.runDir, "control.sock");
  rmSync(socket, { force: true });
  const server = createServer((req, res) => {
    res.setHeader("x-control-pid", process.pid);
    if (req.method === "POST") req.pipe(res);
    else res.end(JSON.stringify({ control: process.pid, url: req.url, host: req.headers.host }));
  });
  const [accept] = server.listeners("connection");
  server.removeAllListeners("connection");
  server.on("connection", (connection) => {
    connection.once("data", (chunk) => {
      // The line that names the caller of a connection that is handed on as bytes.
      const rest = chunk.toString("latin1").startsWith("PROXY ") ? chunk.indexOf("\r\n") + 2 : 0;
      connection.pause();
      if (rest < chunk.length) connection.unshift(chunk.subarray(rest));
      accept.call(server, connection);
      connection.resume();
    });
  });
  server.listen(socket, () => process.send({ type: "ready" }));
});
