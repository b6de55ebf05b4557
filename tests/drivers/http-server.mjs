// A server that listens: started, waited for, ended. Nobody connects to it to see whether it does.
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";

// How long it may take, in looks of 20 ms.
const LOOKS = 1500;
const LISTEN = "0A"; // TCP_LISTEN (include/net/tcp_states.h)

// The value of an option, if the words begin with it.
export const option = (words, name) => (words[0] === name ? words.splice(0, 2)[1] : undefined);

function listens(port) {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return ["/proc/net/tcp", "/proc/net/tcp6"].some((path) =>
    readFileSync(path, "utf8").split("\n").some((line) => {
      const [, own, , state] = line.trim().split(/\s+/);
      return own?.endsWith(wanted) && state === LISTEN;
    }));
}

// Starts a command and waits until it listens at the URL's port, and until the file is there if one is named. `gone` is
// called when it ends by itself.
export async function httpServer(command, args, url, after, gone) {
  // Its standard output must not get among the reports.
  const child = spawn(command, args, { stdio: ["ignore", 2, 2] });
  let ending = false;
  const ended = new Promise((done) => {
    child.on("error", done);
    child.on("exit", () => done(new Error("the server ended")));
  });
  ended.then(() => { if (!ending) gone(); });
  for (let left = LOOKS; !listens(Number(url.port)) || (after && !existsSync(after)); left--) {
    if (left === 0) child.kill("SIGKILL");
    const error = await Promise.race([ended, setTimeout(20)]);
    if (error) throw error;
  }
  return {
    pid: child.pid,
    end: async () => {
      ending = true;
      child.kill("SIGTERM");
      await ended;
    },
  };
}
