import type { Observations, Paths } from "./evaluate.ts";
import type { JournalEvent } from "./journal.ts";
import type { VideoReport } from "./report.ts";

/** Packets and whole frames; a frame counts as sent with its last packet, and once at the receiver. */
export function measureVideo(events: readonly JournalEvent[], seen: Observations, paths: Paths): VideoReport {
  const inTime = (event: JournalEvent): boolean => event.atUs >= seen.fromUs && event.atUs < seen.toUs;
  const out = events.filter((event) => event.e === "video-out" && inTime(event));
  const frames = out.filter((event) => event.lastOfFrame === true);
  const isWanted = new Set(out.map((event) => `${event.to}/${event.node}`));
  const wanted = events.filter((event) => isWanted.has(`${event.node}/${event.from}`) && event.atUs >= seen.fromUs);
  const whole = new Set(
    wanted
      .filter((event) => event.e === "video-frame")
      .map(({ from, stream, rtpTimestamp }) => `${from}/${stream}/${rtpTimestamp}`),
  );
  const framesExpected = frames.filter((event) => paths.connected(event.node, event.to ?? 0, event.atUs)).length;
  return {
    packetsSent: out.length,
    packetsReceived: wanted.filter((event) => event.e === "video-in").length,
    framesSent: frames.length,
    framesExpected,
    // What slipped through where the truth knows no path is no merit.
    framesComplete: Math.min(whole.size, framesExpected),
    framesDecoded: seen.framesDecoded,
  };
}
