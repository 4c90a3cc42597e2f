import type { VoiceCodec } from "../core/api.ts";

/**
 * Messages between an agent and its media process (a forked child, `serialization: "advanced"`).
 * The media process owns codecs, jitter buffers, WebRTC and files; it can never stall forwarding.
 *
 * Voice time: a burst is one press of the PTT key. `timestamp20ms` counts 20 ms units from its start.
 * Opus frames are 40 ms (2 units), mono, 16 kHz in and out. A Codec2 1300 bundle is three 40 ms frames
 * (6 units), 52 bits each, packed back to back, most significant bit first: 20 octets. Its last three bits
 * mark frames that a border node made up for lost ones; those are never reported as played.
 *
 * `atUs` is CLOCK_MONOTONIC in microseconds, the same in all processes of a machine. Each IPC message is an
 * array of these: reports (played, sent, frame, counters) wait up to 200 ms for company, media never does.
 * After its media process died, an agent gets `ready` once more; a talk or clip under way has then ended.
 */
export type ToMedia =
  | {
      type: "voice-in";
      talker: number;
      group: number;
      burst: number;
      codec: VoiceCodec;
      timestamp20ms: number;
      payload: Uint8Array;
      bridge: boolean;
      play: boolean;
    }
  /** Talk from a WAV file (16-bit PCM mono, 8/16/48 kHz), looped, until `talk-stop`. Opus: 14 kbit/s unless given. */
  | { type: "talk-file"; group: number; burst: number; path: string; codec: VoiceCodec; bitrateBps?: number }
  /** Talk from live PCM that `pcm-in` brings (16 kHz mono s16le). */
  | { type: "talk-live"; group: number; burst: number; codec: VoiceCodec; bitrateBps?: number }
  | { type: "pcm-in"; pcm: Uint8Array }
  | { type: "talk-stop" }
  /** Send decoded voice of the group as `pcm-out` (a browser listens); off with an empty list. */
  | { type: "listen"; groups: number[] }
  | { type: "video-in"; from: number; stream: number; octets: Uint8Array }
  /** Send a VP8 clip (IVF), looped, until `video-stop`. */
  | { type: "video-file"; path: string }
  | { type: "video-stop" }
  /** A receiver on the mesh cannot decode: cameras are asked for a key frame. A clip has them anyway. */
  | { type: "video-key-wanted" }
  /** The mesh carries so much of the own video (0: not known): cameras are held to it, and a clip leaves out frames. */
  | { type: "video-rate"; bps: number }
  /** A browser's WebRTC offer: `send` = its camera comes in, `receive` = it watches the node `from` (0: whoever sends). */
  | { type: "webrtc-offer"; requestId: number; direction: "send" | "receive"; from: number; sdp: string }
  | { type: "shutdown" };

export type FromMedia =
  | { type: "ready"; opus: boolean; codec2: boolean }
  /** To be sent by the agent: coded voice of the own microphone, or a bridged frame (talker is somebody else). */
  | {
      type: "voice-out";
      talker: number | null;
      group: number;
      burst: number;
      codec: VoiceCodec;
      timestamp20ms: number;
      payload: Uint8Array;
    }
  /** A real (not concealed) frame left the jitter buffer; one message per 40 ms frame. */
  | { type: "voice-played"; talker: number; group: number; burst: number; timestamp20ms: number; atUs: number }
  /** One per 40 ms frame; `atUs` is when its first sample was spoken, so that mouth to ear is the difference. */
  | { type: "voice-sent"; group: number; burst: number; timestamp20ms: number; atUs: number }
  | { type: "pcm-out"; talker: number; group: number; pcm: Uint8Array }
  | {
      type: "video-out";
      stream: number;
      octets: Uint8Array;
      frame: number;
      rtpTimestamp: number;
      lastOfFrame: boolean;
      atUs: number;
    }
  /** A whole video frame was reassembled; `rtpTimestamp` is the one of its `video-out`. */
  | {
      type: "video-frame";
      from: number;
      stream: number;
      rtpTimestamp: number;
      keyFrame: boolean;
      lengthOctets: number;
      atUs: number;
    }
  /** Sent when a loss made the decoder need a new key frame. */
  | { type: "video-need-key"; from: number; stream: number }
  | { type: "webrtc-answer"; requestId: number; sdp: string }
  | { type: "webrtc-failed"; requestId: number; reason: string }
  /** A file cannot be used, a codec is missing. The talk or clip that was asked for does not start. */
  | { type: "source-failed"; source: "talk" | "video"; code: SourceError; reason: string }
  /** Totals since the process started, at most once a second, when something changed. */
  | { type: "counters"; counters: Record<string, number> };

/** `unreadable`: no such file or not permitted. `unsupported`: not the format. `no-codec`: library missing. */
export type SourceError = "unreadable" | "unsupported" | "no-codec";
