/** Candidates of the own interfaces come at once; waiting longer would only wait for servers we do not use. */
const GATHERING_LIMIT_MS = 1500;

/**
 * An offer to receive that has no NACK in it: Chromium asks for packets again by what it has offered, whatever the answer
 * says (node-agent/docs/adr/0024).
 */
export function withoutNack({ type, sdp = "" }: RTCSessionDescriptionInit): RTCSessionDescriptionInit {
  return { type, sdp: sdp.replace(/^a=rtcp-fb:\d+ (?:nack|goog-remb|transport-cc)\r\n/gm, "") };
}

/** Resolves when the offer has its candidates, or has had time enough for them. */
export function gathered(peer: RTCPeerConnection): Promise<void> {
  return new Promise((done) => {
    if (peer.iceGatheringState === "complete") return done();
    const limit = setTimeout(done, GATHERING_LIMIT_MS);
    peer.addEventListener("icegatheringstatechange", () => {
      if (peer.iceGatheringState !== "complete") return;
      clearTimeout(limit);
      done();
    });
  });
}

/** Hands an offer to the agent and returns its answer. @throws Error with the agent's reason. */
export async function answerFrom(
  offer: { direction: "send" | "receive"; from: number; sdp: string },
  path: string,
): Promise<RTCSessionDescriptionInit> {
  const response = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(offer),
  });
  const reply = (await response.json()) as { sdp?: string; message?: string };
  if (!response.ok || reply.sdp === undefined) throw new Error(reply.message ?? `HTTP ${response.status}`);
  return { type: "answer", sdp: reply.sdp };
}
