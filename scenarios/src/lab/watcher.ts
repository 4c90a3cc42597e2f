import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { WebSocket } from "ws";

const BROWSERS = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/usr/bin/google-chrome-stable",
];
const START_TIMEOUT_MS = 15_000;
const CALL_TIMEOUT_MS = 15_000;
const FLAGS = [
  "--headless=new",
  "--no-sandbox",
  "--disable-gpu",
  "--no-first-run",
  "--disable-extensions",
  "--disable-background-networking",
  "--disable-dev-shm-usage",
  "--autoplay-policy=no-user-gesture-required",
  "--remote-debugging-port=0",
];

/**
 * In the browser: receives the video of `FROM` by WebRTC, and again whenever that ends, as the console's tile does
 * (`controller/console/src/webrtc/kept-session.ts`). Resolves with the first session.
 */
const WATCH = `(async () => {
  const watch = { before: 0, peer: undefined, frames: async () => {
    let frames = 0;
    for (const [, report] of await watch.peer.getStats()) {
      if (report.type === "inbound-rtp" && report.kind === "video") frames += report.framesDecoded ?? 0;
    }
    return frames;
  } };
  globalThis.skeinWatch = watch;
  const pause = (ms) => new Promise((r) => setTimeout(r, ms));
  const open = async () => {
    watch.peer?.close();
    const peer = new RTCPeerConnection();
    watch.peer = peer;
    peer.addTransceiver("video", { direction: "recvonly" });
    peer.ontrack = (event) => {
      const picture = document.createElement("video");
      picture.muted = true;
      picture.autoplay = true;
      picture.srcObject = event.streams[0] ?? new MediaStream([event.track]);
      document.body.replaceChildren(picture);
    };
    const offer = await peer.createOffer();
    // As in \`webrtc/offer.ts\`: nothing is asked for again.
    const sdp = offer.sdp.replace(/^a=rtcp-fb:\\d+ (?:nack|goog-remb|transport-cc)\\r\\n/gm, "");
    await peer.setLocalDescription({ type: "offer", sdp });
    const expires = Date.now() + 2000;
    while (peer.iceGatheringState !== "complete" && Date.now() < expires) await pause(50);
    const response = await fetch("/api/webrtc", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ direction: "receive", from: FROM, sdp: peer.localDescription.sdp }),
    });
    const answer = await response.json();
    if (typeof answer.sdp !== "string") throw new Error(JSON.stringify(answer));
    await peer.setRemoteDescription({ type: "answer", sdp: answer.sdp });
  };
  const isOver = async () => {
    for (let unconnectedMs = 0; unconnectedMs < 10000; await pause(250)) {
      if (watch.peer.connectionState === "connected") unconnectedMs = 0;
      else if (["failed", "closed"].includes(watch.peer.connectionState)) return;
      else unconnectedMs += 250;
    }
  };
  const again = async () => {
    for (;;) {
      await isOver();
      watch.before += await watch.frames();
      for (let waitMs = 500; !(await open().then(() => true, () => false)); waitMs = Math.min(2 * waitMs, 8000)) {
        await pause(waitMs);
      }
    }
  };
  await open();
  void again();
})()`;
const COUNT = "globalThis.skeinWatch.frames().then((frames) => globalThis.skeinWatch.before + frames)";

interface Reply {
  id?: number;
  result?: Record<string, unknown>;
  error?: { message: string };
}

/** A headless Chromium that watches one node's video at an agent, over the DevTools protocol. */
export class Watcher {
  readonly #browser: ChildProcess;
  #socket: WebSocket | undefined;
  #session = "";
  #nextId = 1;
  readonly #waiting = new Map<number, (reply: Reply) => void>();

  /** Starts the browser; undefined where there is none or it does not start. */
  static async start(profile: string): Promise<Watcher | undefined> {
    const binary = BROWSERS.find((path) => existsSync(path));
    if (binary === undefined) return undefined;
    const watcher = new Watcher(binary, profile);
    if (await watcher.#connect()) return watcher;
    watcher.kill();
    return undefined;
  }

  private constructor(binary: string, profile: string) {
    this.#browser = spawn(binary, [...FLAGS, `--user-data-dir=${profile}`, "about:blank"], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#browser.on("error", () => undefined);
  }

  get pids(): number[] {
    return this.#browser.pid === undefined || this.#browser.exitCode !== null ? [] : [this.#browser.pid];
  }

  /** Begins to watch; returns what went wrong, if anything. */
  async watch(agentApi: string, from: number): Promise<string | undefined> {
    try {
      const target = await this.#call("Target.createTarget", { url: `http://${agentApi}/api/status` });
      const attached = await this.#call("Target.attachToTarget", { targetId: target["targetId"], flatten: true });
      this.#session = String(attached["sessionId"]);
      await this.#evaluate(
        "new Promise((r) => document.readyState === 'complete' ? r(1) : addEventListener('load', () => r(1)))",
      );
      await this.#evaluate(WATCH.replace("FROM", String(from)));
      return undefined;
    } catch (error) {
      return (error as Error).message;
    }
  }

  /** Frames that the browser has decoded; null if it cannot tell. */
  async framesDecoded(): Promise<number | null> {
    try {
      const frames = await this.#evaluate(COUNT);
      return typeof frames === "number" ? frames : null;
    } catch {
      return null;
    }
  }

  kill(): void {
    this.#socket?.terminate();
    this.#browser.kill("SIGKILL");
  }

  async #connect(): Promise<boolean> {
    const url = await this.#devToolsUrl();
    if (url === undefined) return false;
    const socket = new WebSocket(url);
    this.#socket = socket;
    socket.on("message", (data) => {
      const reply = JSON.parse(String(data)) as Reply;
      if (reply.id === undefined) return;
      this.#waiting.get(reply.id)?.(reply);
      this.#waiting.delete(reply.id);
    });
    return new Promise((resolve) => {
      socket.once("open", () => resolve(true));
      // A browser that goes away later is noticed when it does not answer.
      socket.on("error", () => resolve(false));
    });
  }

  /** Chromium prints where it listens: `DevTools listening on ws://...`. */
  #devToolsUrl(): Promise<string | undefined> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(undefined), START_TIMEOUT_MS);
      const end = (url: string | undefined): void => {
        clearTimeout(timer);
        resolve(url);
      };
      let text = "";
      this.#browser.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
        if (text.length < 65_536) text += chunk;
        const url = /ws:\/\/\S+/.exec(text)?.[0];
        if (url !== undefined) end(url);
      });
      this.#browser.once("exit", () => end(undefined));
      this.#browser.once("error", () => end(undefined));
    });
  }

  async #evaluate(expression: string): Promise<unknown> {
    const answer = await this.#call("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    const exception = answer["exceptionDetails"] as { exception?: { description?: string }; text?: string } | undefined;
    if (exception !== undefined) throw new Error(exception.exception?.description ?? exception.text ?? "exception");
    return (answer["result"] as { value?: unknown }).value;
  }

  #call(method: string, params: Record<string, unknown>): Promise<Record<string, unknown>> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${method}: no answer`)), CALL_TIMEOUT_MS);
      this.#waiting.set(id, ({ result, error }) => {
        clearTimeout(timer);
        if (error === undefined) resolve(result ?? {});
        else reject(new Error(`${method}: ${error.message}`));
      });
      const session = this.#session === "" ? {} : { sessionId: this.#session };
      this.#socket?.send(JSON.stringify({ id, method, params, ...session }));
    });
  }
}
