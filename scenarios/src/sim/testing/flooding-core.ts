import { type CoreOptions, type CoreStatus, type MeshCore, type NodeEvent, VoiceCodec } from "@skein/node-agent/core";

const IDLE_US = 500_000;
const TAG_OCTETS = 6;
const REPORT = { latitudeDeg: 0, longitudeDeg: 0, altitudeM: 0, speedKmh: 0, courseDeg: 0, batteryPercent: 0 };

/** What goes over the air, as JSON. */
interface Message {
  key: string;
  event: NodeEvent;
  /** Payload or body of the event. */
  octets: number[];
}

/** Misbehaviour to be found by checkers. */
export interface PlantedFaults {
  /** Everything is handed up twice. */
  repeatsEvents?: boolean;
  /** Only every n-th voice frame is passed on. */
  keepsEveryNthVoiceFrame?: number;
}

/**
 * The simplest core that keeps the contract on wide bearers: every frame is JSON and every node repeats everything
 * once. The simulator's tests run on it, so that they test the simulator and not the mesh.
 */
export function createFloodingCore(options: CoreOptions, nowUs: number, faults: PlantedFaults = {}): MeshCore {
  const seen = new Set<string>();
  const events: NodeEvent[] = [];
  const queue: { bearerId: number; octets: Uint8Array }[] = [];
  const { crypto, address, bootEpoch } = options;
  const key = crypto.senderKey(1, 0);
  const nonce = new Uint8Array(12);
  let idleUs = nowUs + IDLE_US;
  let serial = 0;

  const nextId = (): number => ((bootEpoch << 12) | ++serial) & 0xffff;
  const flood = (message: Message): void => {
    seen.add(message.key);
    const plain = new TextEncoder().encode(JSON.stringify(message));
    const octets = new Uint8Array(plain.length + TAG_OCTETS);
    octets.set(plain);
    crypto.seal(key, nonce, octets, 0, plain.length, TAG_OCTETS);
    for (const bearer of options.bearers) queue.push({ bearerId: bearer.id, octets });
  };
  const send = (id: number, event: NodeEvent, octets: Uint8Array = new Uint8Array()): number => {
    flood({ key: `${address}/${bootEpoch}/${id}`, event, octets: [...octets] });
    return id;
  };
  const handUp = (event: NodeEvent): void => {
    events.push(event);
    if (faults.repeatsEvents) events.push(event);
  };
  const take = ({ event, octets }: Message): void => {
    if (event.type === "text" && event.to === address) handUp({ ...event, body: Uint8Array.from(octets) });
    if (event.type === "voice" && options.groups.includes(event.group)) {
      const kept = (event.timestamp20ms / 2) % (faults.keepsEveryNthVoiceFrame ?? 1) === 0;
      if (kept) handUp({ ...event, payload: Uint8Array.from(octets) });
    }
    if (event.type === "video" && event.stream === address) handUp({ ...event, octets: Uint8Array.from(octets) });
    if (event.type === "position" || event.type === "sos" || event.type === "sos-acknowledged") handUp(event);
    if (event.type === "sos" && options.acknowledgesSos) {
      send(nextId(), { type: "sos-acknowledged", from: event.from, sosId: event.sosId, by: address });
    }
  };

  return {
    handleFrame(_nowUs, _bearerId, _endpoint, octets, length) {
      if (!crypto.open(key, nonce, octets, 0, length - TAG_OCTETS, TAG_OCTETS)) return;
      const message = JSON.parse(new TextDecoder().decode(octets.subarray(0, length - TAG_OCTETS))) as Message;
      if (seen.has(message.key)) return;
      flood(message);
      take(message);
    },
    handleTimeout(now) {
      idleUs = now + IDLE_US;
    },
    nextTimeoutUs: () => (queue.length > 0 || events.length > 0 ? 0 : idleUs),
    pollTransmit(_nowUs, slot) {
      const next = queue.shift();
      if (next === undefined) return false;
      slot.bearerId = next.bearerId;
      slot.endpoint = -1;
      slot.length = next.octets.length;
      slot.octets.set(next.octets);
      return true;
    },
    pollEvent: () => events.shift(),
    handleBearer() {},
    handleStation: () => undefined,
    handleCarrier() {},
    sendText(_nowUs, to, body) {
      const messageId = nextId();
      return send(messageId, { type: "text", from: address, to, messageId, body: new Uint8Array() }, body);
    },
    keepText() {},
    rememberText() {},
    reportPosition() {
      const sequence = nextId();
      return send(sequence, { type: "position", from: address, sequence, report: REPORT, late: false });
    },
    raiseSos(_nowUs, kind) {
      const sosId = nextId();
      return send(sosId, { type: "sos", from: address, sosId, kind, report: REPORT });
    },
    sendVoice(_nowUs, group, burst, _codec, timestamp20ms, payload) {
      const codec = VoiceCodec.opus;
      const event = {
        type: "voice",
        talker: address,
        group,
        burst,
        codec,
        timestamp20ms,
        bridge: false,
        again: false,
      } as const;
      send(nextId(), { ...event, payload: new Uint8Array() }, payload);
    },
    sendBridgedVoice() {},
    // The far end's address travels as the stream: this core has no other field for it.
    sendVideo(_nowUs, to, _stream, octets) {
      send(nextId(), { type: "video", from: address, stream: to, octets: new Uint8Array() }, octets.subarray(0, 8));
    },
    publishPolicy() {},
    restorePolicy() {},
    sendPolicyState() {},
    setRules: () => [],
    setUsage() {},
    sendIp: () => false,
    sendIpGroup() {},
    resolveIp: () => 0,
    pathsTo: () => [],
    sendOnPath: () => false,
    foreignPrefixes: () => [],
    linkState: () => new Uint8Array(0),
    status: () => statusOf(options),
    bearerStatus: () => [],
    explainRoute: (_nowUs, to) => ({ from: 0, to, classes: [] }),
    paths: () => [],
    isReachable: () => false,
    leave: () => undefined,
  };
}

function statusOf(options: CoreOptions): CoreStatus {
  const { address, nodeId, bootEpoch } = options;
  const nothing = { neighbours: [], nodes: [], links: [], routes: [], bearers: [] };
  return { address, nodeId, bootEpoch, ...nothing, drops: {}, counters: {} };
}
