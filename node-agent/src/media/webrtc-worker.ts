/**
 * Entry of the worker thread that holds werift: loading it takes half a second and DTLS is computed in
 * JavaScript, and neither may delay a voice frame. Started with the first browser.
 */
import { parentPort } from "node:worker_threads";
import type { FromMedia, ToMedia } from "./protocol.ts";
import { WebRtcGateway } from "./webrtc-gateway.ts";

const port = parentPort;
if (port === null) throw new Error("runs as a worker thread only");

const gateway = new WebRtcGateway(
  (message: FromMedia) => port.postMessage(message),
  () => Number(process.hrtime.bigint() / 1000n),
);

port.on("message", (message: ToMedia) => {
  if (message.type === "webrtc-offer") void gateway.handleOffer(message);
  else if (message.type === "video-in") gateway.handleVideo(message);
  else if (message.type === "video-key-wanted") gateway.requestKeyFrames();
  else if (message.type === "video-rate") gateway.limitCameras(message.bps);
});
