import { answerFrom, gathered, withoutNack } from "./offer.ts";

/** After a loss; twice as long after each attempt that came to nothing. */
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 8000;
/** ICE calls a pause of some seconds `disconnected` and mostly mends it; an agent that has gone does not come back. */
const DISCONNECTED_LIMIT_MS = 3000;
const CONNECT_LIMIT_MS = 10_000;

export interface KeptSession {
  direction: "send" | "receive";
  /** Whose video is received; 0 for anybody's. */
  from: number;
  /** Where the agent, or the controller for it, takes offers. */
  path: string;
  /** Adds tracks to a new connection. */
  prepare(peer: RTCPeerConnection): void;
  /** A session stands. If this rejects, it is given up and tried again. */
  onConnected?(peer: RTCPeerConnection): Promise<void> | void;
  /** A session is over, or could not be had; the next attempt follows by itself. */
  onLost(reason: string): void;
}

/**
 * Holds a WebRTC session with the agent and makes a new one whenever it ends: agents restart, machines are held up, and
 * nobody stands by to press a button. @returns what ends it for good.
 */
export function keepSession(session: KeptSession): () => void {
  let retryMs = FIRST_RETRY_MS;
  let stopped = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let current: RTCPeerConnection | undefined;

  const connect = (): void => {
    const peer = new RTCPeerConnection();
    current = peer;
    const lose = (reason: string): void => {
      if (stopped || current !== peer) return;
      current = undefined;
      clearTimeout(timer);
      peer.close();
      timer = setTimeout(connect, retryMs);
      retryMs = Math.min(2 * retryMs, LAST_RETRY_MS);
      session.onLost(reason);
    };
    const loseAfter = (limitMs: number, reason: string): void => {
      clearTimeout(timer);
      timer = setTimeout(() => lose(reason), limitMs);
    };
    const connected = async (): Promise<void> => {
      clearTimeout(timer);
      await session.onConnected?.(peer);
      retryMs = FIRST_RETRY_MS;
    };
    peer.onconnectionstatechange = () => {
      if (stopped || current !== peer) return;
      const { connectionState: state } = peer;
      if (state === "connected") connected().catch((error: Error) => lose(error.message));
      else if (state === "failed" || state === "closed") lose("connection lost");
      else if (state === "disconnected") loseAfter(DISCONNECTED_LIMIT_MS, "connection lost");
    };
    loseAfter(CONNECT_LIMIT_MS, "no connection");
    negotiate(peer, session).catch((error: Error) => lose(error.message));
  };
  connect();
  return () => {
    stopped = true;
    clearTimeout(timer);
    current?.close();
  };
}

async function negotiate(peer: RTCPeerConnection, session: KeptSession): Promise<void> {
  session.prepare(peer);
  const { direction, from, path } = session;
  const offer = await peer.createOffer();
  await peer.setLocalDescription(direction === "receive" ? withoutNack(offer) : offer);
  await gathered(peer);
  await peer.setRemoteDescription(await answerFrom({ direction, from, sdp: peer.localDescription!.sdp }, path));
}
