// The demo's handle on the load generator's process.
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** Starts the process; calls are answered in order, an error there is an error here. */
export class LoadGenerator {
  #child = fork(fileURLToPath(new URL("main.mjs", import.meta.url)), {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  #waiting = new Map();
  #next = 0;

  constructor() {
    this.#child.on("message", ({ id, result, error }) => {
      const { resolve, reject } = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) resolve(result);
      else reject(new Error(`load generator: ${error}`));
    });
    this.#child.on("exit", (code, signal) => {
      for (const { reject } of this.#waiting.values())
        reject(new Error(`the load generator ended (${signal ?? code})`));
      this.#waiting.clear();
    });
  }

  /** { url, model, rowsFile, labelDelayMs, logFile } */
  start(options) {
    return this.#call("start", options);
  }

  /** Requests per second from now on. */
  setRate(rate) {
    return this.#call("rate", { rate });
  }

  /** What was seen of the requests sent in [from, to), in ms since 1970; see Observations.tally. */
  tally(from, to) {
    return this.#call("tally", { from, to });
  }

  /** Waits for answers under way and sends the last labels. */
  stop() {
    return this.#call("stop", {});
  }

  async end() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.disconnect();
    await exited;
  }

  #call(type, args) {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      if (!this.#child.connected) return reject(new Error("the load generator is not running"));
      this.#waiting.set(id, { resolve, reject });
      this.#child.send({ id, type, ...args });
    });
  }
}
