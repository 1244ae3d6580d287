import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

const BINARY = resolve(process.env.PHASEGATE ?? join(import.meta.dirname, "../../../target/debug/phasegate"));

/** A real server with a sandbox, on a store of its own. */
export class Server {
  private process?: ChildProcess;
  private readonly folder = mkdtempSync(join(tmpdir(), "phasegate-console-"));
  /** Where it listens; the same again after a restart. */
  origin = "";
  /** The link that a person would open. */
  login = "";

  async start() {
    const listen = this.origin === "" ? "127.0.0.1:0" : new URL(this.origin).host;
    const args = ["serve", "--sandbox", "--db", join(this.folder, "store.redb"), "--listen", listen];
    const process = spawn(BINARY, args, { stdio: ["ignore", "pipe", "inherit"] });
    this.process = process;
    const lines = createInterface({ input: process.stdout });
    for await (const line of lines) {
      const link = /^To log in: (\S+)$/.exec(line)?.[1];
      if (link) {
        this.login = link;
        this.origin = new URL(link).origin;
        return;
      }
    }
    throw new Error(`${BINARY} ended without a word: build it with 'cargo build'`);
  }

  /** Ends it: with SIGKILL in the midst of what it does, with SIGTERM in order. */
  async end(signal: "SIGKILL" | "SIGTERM") {
    const process = this.process;
    if (process && process.exitCode === null) {
      const ended = new Promise((done) => process.once("exit", done));
      process.kill(signal);
      await ended;
    }
  }

  async remove() {
    await this.end("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** A call of the API, for what a test takes as given. */
  async call(method: string, path: string, body?: unknown, headers?: Record<string, string>) {
    const token = new URL(this.login).searchParams.get("token");
    const answer = await fetch(`${this.origin}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        accept: "application/json",
        "content-type": "application/json",
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) {
      throw new Error(`${method} ${path}: ${text}`);
    }
    return text === "" ? undefined : JSON.parse(text);
  }
}
