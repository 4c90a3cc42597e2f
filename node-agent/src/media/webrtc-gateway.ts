import {
  createRtpHeader,
  decodeRtpHeader,
  encodeBitrateRequest,
  encodeRtpHeader,
  RTP_HEADER_OCTETS,
} from "@skein/codecs";
import {
  MediaStreamTrack,
  RTCPeerConnection,
  type RTCRtpReceiver,
  RtcpPacketConverter,
  type RtpPacket,
  useVP8,
} from "werift";
import { MAX_VIDEO_OCTETS } from "../core/api.ts";
import type { FromMedia, ToMedia } from "./protocol.ts";
import { SequenceFilter } from "./sequence-filter.ts";
import { VP8_PAYLOAD_TYPE } from "./video-clip.ts";

/** Stream number of a browser's camera on the mesh. */
const CAMERA_STREAM = 2;
const MAX_PEERS = 8;
/** A receiver that joins or lost a packet waits at most so long for a picture. */
const KEY_FRAME_INTERVAL_MS = 3_000;
/** A watcher of whoever sends moves on to the next source after this silence. */
const SOURCE_SILENT_MS = 2_000;
/** What a camera may send at most: the mesh carries it over several hops. */
const CAMERA_CAP_KBPS = 400;
const LOOPBACK = "127.0.0.1";

type Offer = Extract<ToMedia, { type: "webrtc-offer" }>;
type VideoIn = Extract<ToMedia, { type: "video-in" }>;
type Emit = (message: FromMedia) => void;

/** A browser that watches. */
interface Watcher {
  readonly from: number;
  readonly track: MediaStreamTrack;
  /** Source it is shown: node, stream and SSRC; 0 before the first packet. */
  source: { from: number; stream: number; ssrc: number };
  readonly filter: SequenceFilter;
  lastPacketMs: number;
}

/**
 * WebRTC towards the browsers of this node. Host candidates on loopback alone: media leaves the machine over the
 * mesh, never by itself, and no server is asked for an address.
 */
export class WebRtcGateway {
  private readonly emit: Emit;
  private readonly now: () => number;
  /** Each with what is to be undone when it goes; oldest first. */
  private readonly peers = new Map<RTCPeerConnection, () => void>();
  private readonly watchers = new Set<Watcher>();
  private readonly cameras = new Set<Camera>();
  /** What cameras may send, bits per second; 0: what the session says. */
  private limitBps = 0;

  constructor(emit: Emit, now: () => number) {
    this.emit = emit;
    this.now = now;
  }

  /** Answers an offer with all candidates in it, or says why not. Never rejects. */
  async handleOffer(offer: Offer): Promise<void> {
    const { requestId } = offer;
    // A page that vanished without a word is noticed after 30 s (RFC 7675 5.1): until then the oldest gives way.
    for (const oldest of this.peers.keys()) if (this.peers.size >= MAX_PEERS) this.drop(oldest);
    const peer = createPeer();
    try {
      this.peers.set(peer, offer.direction === "send" ? this.acceptCamera(peer) : this.acceptWatcher(peer, offer.from));
      peer.connectionStateChange.subscribe((state) => this.dropEnded(peer, state));
      const sdp = await answer(peer, offer.sdp);
      for (const transport of peer.dtlsTransports) {
        transport.onStateChange.subscribe((state) => this.dropEnded(peer, state));
      }
      const isWatcher = offer.direction === "receive";
      this.emit({ type: "webrtc-answer", requestId, sdp: isWatcher ? withoutNack(sdp) : sdp });
    } catch (error) {
      this.drop(peer);
      this.emit({ type: "webrtc-failed", requestId, reason: error instanceof Error ? error.message : String(error) });
    }
  }

  /** A packet of the mesh for whoever watches its sender. */
  handleVideo(video: VideoIn): void {
    const nowMs = performance.now();
    for (const watcher of this.watchers) {
      if (watcher.from === 0 || watcher.from === video.from) showPacket(watcher, video, nowMs);
    }
  }

  /** Somebody on the mesh cannot decode: the cameras are asked for a key frame. */
  requestKeyFrames(): void {
    for (const camera of this.cameras) camera.requestKeyFrame();
  }

  /** The mesh carries so much of a camera's video, 0: nobody knows. */
  limitCameras(bps: number): void {
    this.limitBps = bps;
    for (const camera of this.cameras) camera.limit(bps);
  }

  private acceptCamera(peer: RTCPeerConnection): () => void {
    let camera: Camera | undefined;
    peer.onTrack.subscribe((track) => {
      if (track.kind !== "video" || camera !== undefined) return;
      const receiver = peer.getReceivers().find((candidate) => candidate.tracks.includes(track));
      if (receiver === undefined) return;
      camera = new Camera(receiver, this.emit, this.now);
      this.cameras.add(camera);
      camera.limit(this.limitBps);
      const added = camera;
      track.onReceiveRtp.subscribe((packet) => added.handleRtp(packet));
    });
    return () => {
      if (camera === undefined) return;
      camera.close();
      this.cameras.delete(camera);
    };
  }

  private acceptWatcher(peer: RTCPeerConnection, from: number): () => void {
    const track = new MediaStreamTrack({ kind: "video" });
    const transceiver = peer.addTransceiver(track, { direction: "sendonly" });
    const source = { from: 0, stream: 0, ssrc: 0 };
    const watcher: Watcher = { from, track, source, filter: new SequenceFilter(), lastPacketMs: 0 };
    transceiver.sender.onPictureLossIndication.subscribe(() => {
      const { source } = watcher;
      if (source.from !== 0) this.emit({ type: "video-need-key", from: source.from, stream: source.stream });
    });
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  /** One that is `disconnected` may only have been held up, and comes back. */
  private dropEnded(peer: RTCPeerConnection, state: string): void {
    if (state === "failed" || state === "closed") this.drop(peer);
  }

  private drop(peer: RTCPeerConnection): void {
    const release = this.peers.get(peer);
    if (release === undefined) return;
    this.peers.delete(peer);
    release();
    void peer.close();
  }
}

/** The camera of a browser: its RTP, stripped of what only the browser's hop needs, goes to the mesh. */
class Camera {
  private readonly receiver: RTCRtpReceiver;
  private readonly emit: Emit;
  private readonly now: () => number;
  private readonly keyFrameTimer: NodeJS.Timeout;
  private ssrc = 0;
  private limitBps = 0;
  private frame = -1;
  private frameTimestamp = -1;
  /** Packets without a picture (bandwidth probes) that were left out of the sequence. */
  private omitted = 0;

  constructor(receiver: RTCRtpReceiver, emit: Emit, now: () => number) {
    this.receiver = receiver;
    this.emit = emit;
    this.now = now;
    this.keyFrameTimer = setInterval(() => {
      this.requestKeyFrame();
      if (this.limitBps > 0) this.sendLimit(this.limitBps);
    }, KEY_FRAME_INTERVAL_MS);
  }

  requestKeyFrame(): void {
    if (this.ssrc !== 0) this.receiver.sendRtcpPLI(this.ssrc).catch(() => {});
  }

  /** Holds the browser's encoder to a rate; it is said again now and then. With 0 it is only held to the session's. */
  limit(bps: number): void {
    if (bps > 0 || this.limitBps > 0) this.sendLimit(bps > 0 ? bps : CAMERA_CAP_KBPS * 1000);
    this.limitBps = bps;
  }

  private sendLimit(bps: number): void {
    if (this.ssrc === 0) return;
    const request = encodeBitrateRequest({ bitrateBps: bps, ssrc: this.ssrc });
    this.receiver.dtlsTransport.sendRtcp(RtcpPacketConverter.deSerialize(Buffer.from(request))).catch(() => {});
  }

  handleRtp({ header, payload }: RtpPacket): void {
    const isFirst = this.ssrc === 0;
    this.ssrc = header.ssrc;
    if (isFirst) {
      this.requestKeyFrame();
      if (this.limitBps > 0) this.sendLimit(this.limitBps);
    }
    if (payload.length === 0 || RTP_HEADER_OCTETS + payload.length > MAX_VIDEO_OCTETS) {
      this.omitted++;
      return;
    }
    if (header.timestamp !== this.frameTimestamp) {
      this.frameTimestamp = header.timestamp;
      this.frame++;
    }
    const octets = new Uint8Array(RTP_HEADER_OCTETS + payload.length);
    const { marker, timestamp, ssrc } = header;
    const sequence = (header.sequenceNumber - this.omitted) & 0xffff;
    encodeRtpHeader(
      { ...createRtpHeader(), marker, payloadType: VP8_PAYLOAD_TYPE, sequence, timestamp, ssrc },
      octets,
      0,
    );
    octets.set(payload, RTP_HEADER_OCTETS);
    const frame = { frame: this.frame, rtpTimestamp: timestamp, lastOfFrame: marker };
    this.emit({ type: "video-out", stream: CAMERA_STREAM, octets, ...frame, atUs: this.now() });
  }

  close(): void {
    clearInterval(this.keyFrameTimer);
  }
}

/** Payload type and SSRC are the sender's business; it also keeps the numbering continuous over a change of source. */
function showPacket(watcher: Watcher, { from, stream, octets }: VideoIn, nowMs: number): void {
  const header = decodeRtpHeader(octets, 0, octets.length);
  if (header === undefined) return;
  const { source } = watcher;
  const isOther = source.from !== from || source.stream !== stream;
  if (isOther && source.from !== 0 && nowMs - watcher.lastPacketMs < SOURCE_SILENT_MS) return;
  watcher.lastPacketMs = nowMs;
  if (isOther || source.ssrc !== header.ssrc) {
    watcher.source = { from, stream, ssrc: header.ssrc };
    watcher.filter.reset();
    watcher.track.notifySourceChanged({ sequenceNumber: header.sequence, timestamp: header.timestamp });
  }
  if (!watcher.filter.pass(header.sequence)) return;
  watcher.track.writeRtp(Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength));
}

function createPeer(): RTCPeerConnection {
  return new RTCPeerConnection({
    codecs: { audio: [], video: [useVP8()] },
    headerExtensions: { audio: [], video: [] },
    iceServers: [],
    // No interface is enumerated; the one address given is the loopback's, and sockets are bound to it.
    iceUseIpv4: false,
    iceUseIpv6: false,
    iceUseTcp: false,
    iceAdditionalHostAddresses: [LOOPBACK],
    iceInterfaceAddresses: { udp4: LOOPBACK },
  });
}

/**
 * Watchers may ask for key frames and for nothing else. What is missing here was lost on the mesh; and werift reads a
 * NACK with a REMB behind it in the same RTCP packet as one for sequence numbers 0 and 1, too. Sending number 0 again
 * after a hundred packets turns its roll-over counter (`sequence-filter.ts`): nothing decrypts from then on.
 */
function withoutNack(sdp: string): string {
  return sdp.replace(/^a=rtcp-fb:\d+ (?:nack|goog-remb|transport-cc)\r\n/gm, "");
}

async function answer(peer: RTCPeerConnection, sdp: string): Promise<string> {
  if (!/^m=video /m.test(sdp)) throw new Error("the offer has no video");
  await peer.setRemoteDescription({ type: "offer", sdp });
  await peer.setLocalDescription(await peer.createAnswer());
  if (peer.iceGatheringState !== "complete") {
    await peer.iceGatheringStateChange.watch((state) => state === "complete", 5_000);
  }
  const description = peer.localDescription;
  if (description === null) throw new Error("no answer was made");
  // RFC 8866 5.8: the line limits what the browser sends to us.
  return description.sdp.replace(/^(m=video .*\r\nc=.*\r\n)/m, `$1b=AS:${CAMERA_CAP_KBPS}\r\n`);
}
