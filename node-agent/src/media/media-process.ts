/** Entry of the media process, forked by the agent. It ends with `shutdown` or when the agent is gone. */
import { open } from "node:fs/promises";
import { flushCompileCache } from "node:module";
import { giveWay } from "../shell/priority.ts";
import { BatchSender } from "./batch-sender.ts";
import { findCodec2 } from "./codec2.ts";
import { nativeCodecs } from "./codecs.ts";
import { MediaEngine } from "./media-engine.ts";
import { hasOpus } from "./opus.ts";
import type { FromMedia, ToMedia } from "./protocol.ts";
import { WebRtcHost } from "./webrtc-host.ts";

/** The compile cache is normally written at exit; the next process may start long before. */
const CACHE_FLUSH_MS = 2_000;
const MAX_TIMER_MS = 60_000;
/** What browsers want to know of; of `video-in` only while one is connected. */
const WEBRTC_MESSAGES = new Set<ToMedia["type"]>(["webrtc-offer", "video-in", "video-key-wanted", "video-rate"]);

const now = (): number => Number(process.hrtime.bigint() / 1000n);

giveWay();

const sender = new BatchSender<FromMedia>((batch, done) => {
  if (process.connected) process.send?.(batch, undefined, undefined, done);
  else done();
});
const engine = new MediaEngine({
  codecs: nativeCodecs,
  now,
  readFile: readWholeFile,
  deliver: (messages) => sender.send(messages),
});

const webRtc = new WebRtcHost((message) => {
  engine.emit(message);
  pump();
});

let timer: NodeJS.Timeout | undefined;
let timerDueUs = Infinity;

/** One timer for everything, moved only when something became due earlier. */
function pump(): void {
  engine.run();
  const nextUs = engine.nextUs();
  if (timer !== undefined && timerDueUs <= nextUs) return;
  clearTimeout(timer);
  timerDueUs = nextUs;
  const delayMs = Math.min(MAX_TIMER_MS, Math.max(0, Math.ceil((nextUs - now()) / 1000)));
  timer = setTimeout(handleTimer, delayMs);
}

function handleTimer(): void {
  timer = undefined;
  timerDueUs = Infinity;
  pump();
}

function handleMessage(message: ToMedia): void {
  if (message.type === "shutdown") {
    stop();
    return;
  }
  if (WEBRTC_MESSAGES.has(message.type)) webRtc.handle(message);
  void engine.handle(message)?.then(pump);
}

function stop(): void {
  clearTimeout(timer);
  webRtc.close();
  engine.close();
  sender.end(() => {
    if (process.connected) process.disconnect();
  });
}

async function readWholeFile(path: string, maxOctets: number): Promise<Uint8Array> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    if (size > maxOctets) throw new Error(`${path}: ${size} octets, at most ${maxOctets} are taken`);
    return await file.readFile();
  } finally {
    await file.close();
  }
}

process.on("message", (batch: ToMedia[]) => {
  for (const message of batch) handleMessage(message);
  pump();
});
process.on("disconnect", () => process.exit(0));
// Ctrl-C reaches the whole process group; the agent decides when media ends.
process.on("SIGINT", () => {});

engine.emit({ type: "ready", opus: hasOpus(), codec2: findCodec2() !== undefined });
pump();
setTimeout(flushCompileCache, CACHE_FLUSH_MS).unref();
