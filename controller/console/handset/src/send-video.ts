import { answerFrom, gathered } from "../../src/webrtc/offer.ts";

/** What a mesh of radios carries: small and slow enough for a few hundred kbit/s. */
const CAMERA: MediaTrackConstraints = {
  facingMode: "environment",
  width: { ideal: 640 },
  height: { ideal: 360 },
  frameRate: { ideal: 15, max: 20 },
};
const MAX_BITRATE_BPS = 400_000;

/**
 * Opens the camera and sends it to the own agent. @returns the preview and what ends both.
 * @throws the browser's or the agent's reason.
 */
export async function sendVideo(): Promise<{ stream: MediaStream; stop: () => void }> {
  if (navigator.mediaDevices === undefined) throw new Error("browsers give a camera to localhost and TLS only");
  const stream = await navigator.mediaDevices.getUserMedia({ video: CAMERA, audio: false });
  const peer = new RTCPeerConnection();
  const stop = (): void => {
    for (const track of stream.getTracks()) track.stop();
    peer.close();
  };
  try {
    const transceiver = peer.addTransceiver(stream.getVideoTracks()[0]!, {
      direction: "sendonly",
      streams: [stream],
      sendEncodings: [{ maxBitrate: MAX_BITRATE_BPS }],
    });
    // VP8 alone: what every receiver on the mesh decodes.
    const codecs = RTCRtpReceiver.getCapabilities("video")?.codecs ?? [];
    const vp8 = codecs.filter((codec) => codec.mimeType === "video/VP8");
    if (vp8.length > 0) transceiver.setCodecPreferences(vp8);
    await peer.setLocalDescription(await peer.createOffer());
    await gathered(peer);
    const sdp = peer.localDescription!.sdp;
    await peer.setRemoteDescription(await answerFrom({ direction: "send", from: 0, sdp }, "/api/webrtc"));
    return { stream, stop };
  } catch (error) {
    stop();
    throw error;
  }
}
