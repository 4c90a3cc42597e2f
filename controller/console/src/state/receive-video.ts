import { answerFrom, gathered } from "../webrtc/offer.ts";

const STATISTICS_INTERVAL_MS = 1000;

export interface VideoHandlers {
  onStream(stream: MediaStream): void;
  /** Frames that the browser has decoded so far. */
  onDecoded(frames: number): void;
  onFailure(reason: string): void;
}

/** Opens a WebRTC connection that receives the video of one node. @returns what closes it. */
export function receiveVideo(from: number, handlers: VideoHandlers): () => void {
  const peer = new RTCPeerConnection();
  let closed = false;
  peer.addTransceiver("video", { direction: "recvonly" });
  peer.ontrack = (event) => handlers.onStream(event.streams[0] ?? new MediaStream([event.track]));
  peer.onconnectionstatechange = () => {
    if (!closed && peer.connectionState === "failed") handlers.onFailure("connection lost");
  };
  const timer = setInterval(async () => {
    for (const [, report] of await peer.getStats()) {
      if (report.type === "inbound-rtp" && report.kind === "video") handlers.onDecoded(report.framesDecoded ?? 0);
    }
  }, STATISTICS_INTERVAL_MS);
  const open = async (): Promise<void> => {
    await peer.setLocalDescription(await peer.createOffer());
    await gathered(peer);
    await peer.setRemoteDescription(await answerFrom({ direction: "receive", from, sdp: peer.localDescription!.sdp }));
  };
  open().catch((error: Error) => {
    if (!closed) handlers.onFailure(error.message);
  });
  return () => {
    closed = true;
    clearInterval(timer);
    peer.close();
  };
}
