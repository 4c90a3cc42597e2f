/**
 * Octets around the payload of a unicast flow on a narrow bearer, security and routing together, over one relay. Read
 * from the frames: each layer of sealing adds one to the octets of the payload, so that it can be found, and one
 * sealed end to end can be told from one that every hop can read.
 */
import { END_TO_END_OCTETS } from "@skein/codecs";
import type { CryptoPort, IdentityPort, SessionEnd } from "@skein/node-agent/core";
import { SimCrypto } from "../sim/sim-crypto.ts";
import { SimIdentity } from "../sim/sim-identity.ts";
import { sendPacket } from "./asker.ts";
import { Field } from "./field.ts";
import { printAtMost } from "./print.ts";

const SEED = 1;
/** One a second. */
const PACKETS = 40;
/** After these the flow counts as established: the ends have each other's keys, and a lost offer of a label was repeated. */
const FIRST_PACKETS = 15;
const PAYLOAD_OCTETS = 40;
const FILL = 0x20;

function add(octets: Uint8Array, from: number, to: number, value: number): void {
  for (let i = from; i < to; i++) octets[i] = (octets[i] as number) + value;
}

/** Counts layers in the text, and authenticates it as the simulator does. */
class LayerCrypto implements CryptoPort {
  readonly #inner = new SimCrypto(SEED);
  senderKey(nodeId: number, keyPhase: number): number {
    return this.#inner.senderKey(nodeId, keyPhase);
  }
  seal(key: number, nonce: Uint8Array, octets: Uint8Array, from: number, to: number, tagLength: number): void {
    add(octets, from, to, 1);
    this.#inner.seal(key, nonce, octets, from, to, tagLength);
  }
  open(key: number, nonce: Uint8Array, octets: Uint8Array, from: number, to: number, tagLength: number): boolean {
    if (!this.#inner.open(key, nonce, octets, from, to, tagLength)) return false;
    add(octets, from, to, -1);
    return true;
  }
}

/** The same from end to end. */
class LayerIdentity implements IdentityPort {
  readonly #inner: SimIdentity;
  constructor(nodeId: number) {
    this.#inner = new SimIdentity(nodeId);
  }
  get publicKey(): Uint8Array {
    return this.#inner.publicKey;
  }
  agree(reuse: number, own: SessionEnd, peer: SessionEnd): number {
    return this.#inner.agree(reuse, own, peer);
  }
  seal(session: number, associated: Uint8Array, octets: Uint8Array, ...place: Place): void {
    add(octets, place[0], place[1], 1);
    this.#inner.seal(session, associated, octets, ...place);
  }
  open(
    session: number,
    associated: Uint8Array,
    octets: Uint8Array,
    ...place: [...Place, sealedHere?: boolean]
  ): boolean {
    if (!this.#inner.open(session, associated, octets, ...place)) return false;
    add(octets, place[0], place[1], -1);
    return true;
  }
}
/** From, to, where the tag is, its length. */
type Place = [number, number, number, number];

/** Layers of sealing around the payload in a frame; 0 if there is no payload in it. */
function layersIn(octets: Uint8Array, length: number): number {
  for (const layers of [1, 2]) {
    let run = 0;
    for (let i = 0; i < length; i++) {
      run = octets[i] === FILL + layers ? run + 1 : 0;
      if (run === PAYLOAD_OCTETS) return layers;
    }
  }
  return 0;
}

const field = new Field({
  nodes: 3,
  seed: SEED,
  signalled: true,
  media: [{ name: "air", kind: "air9600" }],
  crypto: new LayerCrypto(),
  change: (_node, options) => ({ ...options, identity: new LayerIdentity(options.nodeId) }),
});
field.join(0, 0, 1);
field.join(0, 1, 2);
// One after the other: the two ends, which do not hear each other, collide at the relay for long where all start at once.
for (const node of field.cores.keys()) {
  field.start(node);
  field.run(5_000_000);
}
field.run(60_000_000);

/** Octets beyond the payload of the frames that carried it, by layers. */
const beyond: number[][] = [[], [], []];
let sent = 0;
let arrived = 0;
field.onFrame = (_node, _medium, _endpoint, octets, length) => {
  if (sent > FIRST_PACKETS) beyond[layersIn(octets, length)]?.push(length - PAYLOAD_OCTETS);
};
field.onEvent = (node, event) => {
  if (node === 2 && event.type === "ip") arrived++;
};
const payload = new Uint8Array(PAYLOAD_OCTETS).fill(FILL);
for (; sent < PACKETS; sent++) {
  field.use(0, (core, nowUs) => sendPacket(core, nowUs, field.addresses[2] as number, payload));
  field.run(1_000_000);
}
const valid = arrived >= PACKETS / 2;
const hopOnly = beyond[1] as number[];
const endToEnd = beyond[2] as number[];
// What is sealed twice carries the one around the other.
const hopOctets = [...hopOnly, ...endToEnd.map((octets) => octets - END_TO_END_OCTETS)];
printAtMost("routing.header.flowOctets", Math.max(...hopOctets), "octets", 9, valid);
// Without end-to-end keys this is the plain frame, and missed however short it is.
const frames = endToEnd.length > 0 ? endToEnd : hopOnly;
printAtMost("routing.header.endToEndOctets", Math.max(...frames), "octets", 17, valid && endToEnd.length > 0);
