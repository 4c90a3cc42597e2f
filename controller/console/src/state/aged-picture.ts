import { LINK_LOST_AFTER_S, LOST_AFTER_S, STALE_AFTER_S } from "../../../src/fleet/limits.ts";
import type { Liveness, Picture } from "../../../src/fleet/picture.ts";

function worse(a: Liveness, b: Liveness): Liveness {
  const order: Liveness[] = ["live", "stale", "lost"];
  return order[Math.max(order.indexOf(a), order.indexOf(b))]!;
}

/** Only the controller can say that a node is lost while it is there itself; without it, silence decides. */
function byAge(ageS: number, online: boolean): Liveness {
  if (!online && ageS >= LOST_AFTER_S) return "lost";
  return ageS >= STALE_AFTER_S ? "stale" : "live";
}

/**
 * The picture as it must be shown `extraS` seconds after it came. Without a controller nothing in it is live any
 * more: nodes and links are stale at best, nobody talks, no video runs.
 */
export function agedPicture(picture: Picture, extraS: number, online: boolean): Picture {
  if (online && extraS < 1.5) return picture;
  const floor: Liveness = online ? "live" : "stale";
  return {
    ...picture,
    agent: {
      ...picture.agent,
      connected: picture.agent.connected && online,
      ageS: picture.agent.ageS === null ? null : picture.agent.ageS + extraS,
    },
    nodes: picture.nodes.map((node) => ({
      ...node,
      ageS: node.ageS + extraS,
      liveness: worse(worse(node.liveness, byAge(node.ageS + extraS, online)), floor),
      position: node.position && { ...node.position, ageS: node.position.ageS + extraS },
    })),
    links: picture.links.map((link) => ({
      ...link,
      ageS: link.ageS + extraS,
      liveness: worse(link.liveness, link.ageS + extraS >= LINK_LOST_AFTER_S && !online ? "lost" : floor),
    })),
    bearers: online ? picture.bearers : picture.bearers.map((bearer) => ({ ...bearer, up: false })),
    voice: online ? picture.voice : { ...picture.voice, talkers: [], talkingIn: null },
    video: online ? picture.video : picture.video.map((video) => ({ ...video, live: false })),
  };
}
