import { type NodeEvent, Precedence, type TrafficClass, type VoiceCodec } from "@skein/node-agent/core";
import type { Field } from "../routing-bench/field.ts";

/** What payloads begin with: the flow's number, then the packet's. */
const FLOW_AT = 0;
const PACKET_AT = 2;
const MIN_FLOW_OCTETS = 6;

/** A constant stream of packets of one size from one node to another. */
export interface FlowPlan {
  readonly from: number;
  readonly to: number;
  readonly trafficClass: TrafficClass;
  readonly precedence?: Precedence;
  readonly octets: number;
  readonly intervalUs: number;
  /** When its first packet goes, after the flows are started. */
  readonly afterUs?: number;
}

/** One flow and what came of it; times by packet, Infinity where none came. */
export interface Flow {
  readonly plan: FlowPlan;
  readonly sentUs: number[];
  readonly arrivedUs: number[];
}

/** Group voice of one talker as a handset gives it to its agent: Opus every 20 ms, Codec2 every 120 ms. */
export interface TalkPlan {
  readonly talker: number;
  readonly codec: VoiceCodec;
  readonly octets: number;
  readonly intervalUs: number;
  /** How long the key is pressed, and how long it is not. */
  readonly pressedUs: number;
  readonly pauseUs: number;
}

/** Sends flows and talk through a field, and notes when everything arrives. Takes the field's events. */
export class Load {
  readonly flows: Flow[] = [];
  /** When each voice frame was spoken, and when it came to each listener (by node; undefined: not there). */
  readonly spokenUs: number[] = [];
  readonly heardUs: number[][] = [];
  readonly #field: Field;

  constructor(field: Field) {
    this.#field = field;
    field.onEvent = (node, event) => this.#arrived(node, event);
  }

  /** Plans a flow from now on for `forUs`. */
  send(plan: FlowPlan, forUs: number): Flow {
    const flow: Flow = { plan, sentUs: [], arrivedUs: [] };
    const number = this.flows.push(flow) - 1;
    const payload = new Uint8Array(Math.max(plan.octets, MIN_FLOW_OCTETS));
    const view = new DataView(payload.buffer);
    view.setUint16(FLOW_AT, number);
    const beginUs = this.#field.nowUs + (plan.afterUs ?? 0);
    const endUs = this.#field.nowUs + forUs;
    const to = this.#field.addresses[plan.to] as number;
    const precedence = plan.precedence ?? Precedence.routine;
    const next = (packet: number): void => {
      view.setUint32(PACKET_AT, packet);
      flow.sentUs.push(this.#field.nowUs);
      flow.arrivedUs.push(Number.POSITIVE_INFINITY);
      this.#field.use(plan.from, (core, nowUs) =>
        core.sendIp(nowUs, to, plan.trafficClass, precedence, false, payload, 0, payload.length),
      );
      const atUs = beginUs + (packet + 1) * plan.intervalUs;
      if (atUs < endUs) this.#field.at(atUs, () => next(packet + 1));
    };
    this.#field.at(beginUs, () => next(0));
    return flow;
  }

  /** Plans speech from now on for `forUs`. */
  talk(plan: TalkPlan, forUs: number): void {
    const payload = new Uint8Array(plan.octets);
    const view = new DataView(payload.buffer);
    const beginUs = this.#field.nowUs;
    const cycleUs = plan.pressedUs + plan.pauseUs;
    for (let atUs = 0; atUs < forUs; atUs += plan.intervalUs) {
      if (atUs % cycleUs >= plan.pressedUs) continue;
      const burst = Math.floor(atUs / cycleUs) + 1;
      const timestamp20ms = (atUs % cycleUs) / 20_000;
      this.#field.at(beginUs + atUs, () => {
        view.setUint16(0, this.spokenUs.push(this.#field.nowUs) - 1);
        this.heardUs.push([]);
        this.#field.use(plan.talker, (core, nowUs) =>
          core.sendVoice(nowUs, 1, burst, plan.codec, timestamp20ms, payload),
        );
      });
    }
  }

  #arrived(node: number, event: NodeEvent): void {
    if (event.type === "ip" && event.octets.length >= MIN_FLOW_OCTETS) {
      const view = new DataView(event.octets.buffer, event.octets.byteOffset);
      const flow = this.flows[view.getUint16(FLOW_AT)] as Flow;
      const packet = view.getUint32(PACKET_AT);
      if (flow.arrivedUs[packet] === Number.POSITIVE_INFINITY) flow.arrivedUs[packet] = this.#field.nowUs;
    } else if (event.type === "voice") {
      const frame = new DataView(event.payload.buffer, event.payload.byteOffset).getUint16(0);
      const heard = this.heardUs[frame];
      if (heard !== undefined && heard[node] === undefined) heard[node] = this.#field.nowUs;
    }
  }
}

/** Delays of what arrived, in order; microseconds. */
export function delaysUs(flow: Flow): number[] {
  return flow.arrivedUs
    .map((atUs, packet) => atUs - (flow.sentUs[packet] as number))
    .filter(Number.isFinite)
    .toSorted((a, b) => a - b);
}

/** Share of what was sent that arrived. */
export function deliveredShare(flow: Flow): number {
  return flow.arrivedUs.filter(Number.isFinite).length / flow.sentUs.length;
}

/** Value below which the share `q` of sorted values lies. */
export function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

/** Fairness index of Jain, Chiu and Hawe (1984): 1 if all have the same, 1/n if one has all. */
export function jain(shares: readonly number[]): number {
  const sum = shares.reduce((a, b) => a + b, 0);
  const squares = shares.reduce((a, b) => a + b * b, 0);
  return (sum * sum) / (shares.length * squares);
}
