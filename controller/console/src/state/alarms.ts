import type { Picture } from "../../../src/fleet/picture.ts";

const LOW_BATTERY_PERCENT = 20;

export type Alarm =
  | { kind: "sos"; id: string; address: number; level: "alarm" }
  | { kind: "agent-lost"; id: string; level: "alarm" }
  | { kind: "node-lost"; id: string; address: number; level: "alarm" }
  | { kind: "link-lost"; id: string; from: number; to: number; level: "warn" }
  | { kind: "low-battery"; id: string; address: number; percent: number; level: "warn" };

/** What an operator must know of now, worst first. Ids are stable, so that an acknowledgement sticks. */
export function alarmsOf(picture: Picture): Alarm[] {
  const alarms: Alarm[] = [];
  for (const { id, from, confirmed } of picture.sos) {
    if (!confirmed) alarms.push({ kind: "sos", id: `sos:${id}`, address: from, level: "alarm" });
  }
  if (!picture.agent.connected) alarms.push({ kind: "agent-lost", id: "agent", level: "alarm" });
  const lost = new Set<number>();
  for (const { address, liveness } of picture.nodes) {
    if (liveness !== "lost") continue;
    lost.add(address);
    alarms.push({ kind: "node-lost", id: `node:${address}`, address, level: "alarm" });
  }
  for (const { from, to, liveness } of picture.links) {
    // The links of a lost node are down with it: one alarm says so.
    if (liveness !== "lost" || lost.has(from) || lost.has(to)) continue;
    alarms.push({ kind: "link-lost", id: `link:${from}:${to}`, from, to, level: "warn" });
  }
  for (const { address, batteryPercent } of picture.nodes) {
    if (batteryPercent === null || batteryPercent > LOW_BATTERY_PERCENT) continue;
    alarms.push({ kind: "low-battery", id: `battery:${address}`, address, percent: batteryPercent, level: "warn" });
  }
  return alarms;
}
