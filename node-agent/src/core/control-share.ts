import {
  CONTROL_BURST_US,
  CONTROL_DEBT_US,
  CONTROL_SETTLING_PER_MEMBER_US,
  CONTROL_SETTLING_US,
  CONTROL_SHARE,
  CONTROL_SHARE_SETTLING,
  CONTROL_TURN_US,
  NEIGHBOUR_CONTROL_BURST_US,
  NEIGHBOUR_CONTROL_SHARE,
} from "./limits.ts";
import type { Neighbour } from "./neighbour.ts";
import { airtimeUs, type Port } from "./port.ts";
import type { Random } from "./random.ts";
import type { CoreState } from "./state.ts";
import { placeInOrder } from "./turn-order.ts";

/**
 * How much of a narrow channel the mesh may take to talk to itself: a token bucket of airtime that everybody keeps for
 * the whole channel, by what it hears and sends, so that all come to about the same without a word. A transmitter that
 * does not keep to it is ignored by each receiver.
 */

function share(port: Port, nowUs: number): number {
  const settlingUs = CONTROL_SETTLING_US + port.neighbours.length * CONTROL_SETTLING_PER_MEMBER_US;
  return nowUs < port.turnSettledUs + settlingUs ? CONTROL_SHARE_SETTLING : CONTROL_SHARE;
}

function refill(port: Port, nowUs: number): void {
  const gained = (nowUs - port.controlAtUs) * share(port, nowUs);
  port.controlCreditUs = Math.min(CONTROL_BURST_US, port.controlCreditUs + gained);
  port.controlAtUs = nowUs;
}

/**
 * A control frame was heard or sent. Once the credit is used up, those that can wait do so until it is back, and then go
 * one member after the other in the order of turns.
 */
export function noteControl(port: Port, nowUs: number, airUs: number, ownLocal: number): void {
  refill(port, nowUs);
  port.controlCreditUs = Math.max(-CONTROL_DEBT_US, port.controlCreditUs - airUs);
  if (port.controlCreditUs >= 0) return;
  const backUs = nowUs - port.controlCreditUs / share(port, nowUs);
  port.controlBackUs = backUs + placeInOrder(port, ownLocal) * CONTROL_TURN_US;
}

/**
 * The carrier of somebody else begins or ends. A busy period in which nothing was received has been a collision: it has
 * cost at least two transmissions, and those who may have made it draw lots for when they go on.
 */
export function noteCarrier(port: Port, nowUs: number, busy: boolean, random: Random): void {
  if (!busy) {
    port.busyUs = nowUs - port.busySinceUs;
    return;
  }
  if (port.busyUs > 0 && port.framesReceived === port.framesBeforeBusy) {
    noteControl(port, nowUs, 2 * port.busyUs, 0);
    const lotUs = random.below(port.neighbours.length * CONTROL_TURN_US + 1);
    if (port.controlCreditUs < 0) port.controlBackUs += lotUs;
  }
  port.busySinceUs = nowUs;
  port.framesBeforeBusy = port.framesReceived;
}

/** False if a neighbour has used up its share with the control frame that has just come: it is not to be read. */
function withinControlShare(n: Neighbour, nowUs: number, airUs: number): boolean {
  const gained = (nowUs - n.controlAtUs) * NEIGHBOUR_CONTROL_SHARE;
  n.controlCreditUs = Math.min(NEIGHBOUR_CONTROL_BURST_US, n.controlCreditUs + gained);
  n.controlAtUs = nowUs;
  if (n.controlCreditUs < airUs) return false;
  n.controlCreditUs -= airUs;
  return true;
}

/** Counts a control frame of a narrow channel; false if its transmitter has had more than its share. */
export function mayControl(state: CoreState, nowUs: number, port: Port, n: Neighbour, lengthOctets: number): boolean {
  if (!port.narrow) return true;
  const airUs = airtimeUs(port.config, lengthOctets);
  noteControl(port, nowUs, airUs, state.local);
  if (withinControlShare(n, nowUs, airUs)) return true;
  state.counters.drop("control-share");
  return false;
}
