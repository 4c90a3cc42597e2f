import { keepSession } from "../../src/webrtc/kept-session.ts";

/** What a mesh of radios carries: small and slow enough for a few hundred kbit/s. */
const CAMERA: MediaTrackConstraints = {
  facingMode: "environment",
  width: { ideal: 640 },
  height: { ideal: 360 },
  frameRate: { ideal: 15, max: 20 },
};
const MAX_BITRATE_BPS = 400_000;

export interface CameraHandlers {
  /** A session stands: the agent is to be told where its video goes, each time. */
  onConnected(): Promise<void>;
  /** The session has ended, or could not be had; another one is tried. */
  onLost(reason: string): void;
}

/**
 * Opens the camera and sends it to the own agent, in as many sessions as it takes. @returns the preview and what ends
 * both. @throws the browser's reason for giving no camera
 */
export async function sendVideo(handlers: CameraHandlers): Promise<{ stream: MediaStream; stop: () => void }> {
  if (navigator.mediaDevices === undefined) throw new Error("browsers give a camera to localhost and TLS only");
  const stream = await navigator.mediaDevices.getUserMedia({ video: CAMERA, audio: false });
  const end = keepSession({
    direction: "send",
    from: 0,
    path: "/api/webrtc",
    prepare: (peer) => addCamera(peer, stream),
    ...handlers,
  });
  const stop = (): void => {
    for (const track of stream.getTracks()) track.stop();
    end();
  };
  return { stream, stop };
}

function addCamera(peer: RTCPeerConnection, stream: MediaStream): void {
  const transceiver = peer.addTransceiver(stream.getVideoTracks()[0]!, {
    direction: "sendonly",
    streams: [stream],
    sendEncodings: [{ maxBitrate: MAX_BITRATE_BPS }],
  });
  // VP8 alone: what every receiver on the mesh decodes.
  const codecs = RTCRtpReceiver.getCapabilities("video")?.codecs ?? [];
  const vp8 = codecs.filter((codec) => codec.mimeType === "video/VP8");
  if (vp8.length > 0) transceiver.setCodecPreferences(vp8);
}
