import { keepSession } from "../webrtc/kept-session.ts";

const STATISTICS_INTERVAL_MS = 1000;

export interface VideoHandlers {
  onStream(stream: MediaStream): void;
  /** Frames that the browser has decoded so far, in all sessions. */
  onDecoded(frames: number): void;
  /** The session has ended; another one is tried. */
  onLost(reason: string): void;
}

/** Receives the video of one node by WebRTC, in as many sessions as it takes. @returns what ends it. */
export function receiveVideo(from: number, handlers: VideoHandlers): () => void {
  /** Frames of the sessions that are over, and of the present one. */
  let before = 0;
  let now = 0;
  let current: RTCPeerConnection | undefined;
  const timer = setInterval(async () => {
    const peer = current;
    if (peer === undefined) return;
    const reports = await peer.getStats();
    if (peer !== current) return;
    for (const [, report] of reports) {
      if (report.type === "inbound-rtp" && report.kind === "video") now = report.framesDecoded ?? 0;
    }
    handlers.onDecoded(before + now);
  }, STATISTICS_INTERVAL_MS);
  const end = keepSession({
    direction: "receive",
    from,
    path: "api/webrtc",
    prepare(peer) {
      peer.addTransceiver("video", { direction: "recvonly" });
      peer.ontrack = (event) => handlers.onStream(event.streams[0] ?? new MediaStream([event.track]));
    },
    onConnected(peer) {
      current = peer;
    },
    onLost(reason) {
      before += now;
      now = 0;
      current = undefined;
      handlers.onLost(reason);
    },
  });
  return () => {
    clearInterval(timer);
    end();
  };
}
