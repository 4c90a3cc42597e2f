import { encodeLinkVector } from "@skein/codecs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { addId } from "./id-set.ts";
import { MultipointRelays } from "./multipoint-relays.ts";
import { createNeighbour, type Neighbour } from "./neighbour.ts";
import type { Port } from "./port.ts";
import { createState } from "./state.ts";
import { NARROW, VirtualMesh } from "./testing/virtual-mesh.ts";

const OWN = 1;
const KIND = NARROW.kind as number;
const VECTOR = encodeLinkVector({ bitrateBps: 9600, latencyUs: 0, loss: 0, costCentsPerMegabyte: 0, closed: 0 });
const SEQUENCES = Array.from({ length: 40 }, (_, i) => i);

/** The channel as node 1 sees it, which hears those that it lists; each says whom it hears. */
function channel(hears: Record<number, number[]>): { relays: MultipointRelays; port: Port } {
  const mesh = new VirtualMesh(1, [{ name: "serial", bearer: NARROW, members: [0], loss: 0 }]);
  const state = createState(mesh.node(0).options);
  const port = state.ports[0] as Port;
  for (const [name, heard] of Object.entries(hears)) {
    const local = Number(name);
    const links = heard.map((neighbour) => ({ neighbour, channel: KIND, vector: VECTOR }));
    state.db.applyFull(
      {
        originator: 0x100 + local,
        nodeId: 1000 + local,
        bootEpoch: 1,
        sequence: 1,
        role: 0,
        capabilities: 0,
        name: new Uint8Array(0),
        links,
        prefixes: [],
        areas: [],
        publicKey: new Uint8Array(32),
      },
      0,
    );
    if (!hears[OWN]?.includes(local)) continue;
    const n = createNeighbour(port.neighbours.length, 1000 + local, 0x100 + local, 0, 0);
    n.alive = true;
    n.twoWay = true;
    for (const other of heard) addId(n.reach, other);
    port.neighbours.push(n);
    port.byLocal[local] = n;
  }
  return { relays: new MultipointRelays(state), port };
}

test("nobody relays where all hear all", () => {
  const { relays, port } = channel({ 1: [2, 3, 4], 2: [1, 3, 4], 3: [1, 2, 4], 4: [1, 2, 3] });
  for (const transmitter of [1, 2, 3, 4])
    for (const sequence of SEQUENCES) assert.equal(relays.of(port, transmitter, transmitter, sequence), []);
});

test("who reaches the most relays first, then who reaches the rest, and of equals one by lot", () => {
  // 2 reaches two that 1 does not, 3 one of them and another, 4 the same as 3.
  const { relays, port } = channel({
    1: [2, 3, 4],
    2: [1, 5, 6],
    3: [1, 7],
    4: [1, 7],
    5: [2],
    6: [2],
    7: [3, 4],
  });
  const chosen = SEQUENCES.map((sequence) => relays.of(port, OWN, OWN, sequence));
  for (const [first, second, ...more] of chosen) {
    assert.is(first, 2);
    assert.ok(second === 3 || second === 4);
    assert.equal(more, []);
  }
  assert.is(new Set(chosen.map(String)).size, 2);
});

test("a node that claims to reach those who do not say so is no relay for them", () => {
  const { relays, port } = channel({ 1: [2, 3], 2: [1, 5], 3: [1, 5, 6, 7, 8], 5: [2], 6: [8], 7: [8], 8: [6, 7] });
  for (const sequence of SEQUENCES) assert.equal(relays.of(port, OWN, OWN, sequence), [2]);
});

test("whom the source reaches needs no relay", () => {
  // 5 is the source, and 6 hears it; 1 has the frame from it.
  const { relays, port } = channel({ 1: [2, 5], 2: [1, 6], 5: [1, 6], 6: [2, 5] });
  for (const sequence of SEQUENCES) {
    assert.equal(relays.of(port, OWN, 5, sequence), []);
    assert.equal(relays.of(port, OWN, OWN, sequence).length, 1);
  }
});

test("a packet goes on the air once where all hear all, and once more for each relay, relays of relays among them", () => {
  const all = channel({ 1: [2, 3], 2: [1, 3], 3: [1, 2] });
  assert.is(all.relays.transmissions(all.port), 1);
  const row = channel({ 1: [2], 2: [1, 3], 3: [2, 4], 4: [3] });
  assert.is(row.relays.transmissions(row.port), 3);
});

test("for a member that has started anew, and heard this node before, nobody has to relay", () => {
  const { relays, port } = channel({ 1: [2, 3], 2: [1, 3], 3: [1, 2] });
  const member = port.byLocal[3] as Neighbour;
  member.twoWay = false;
  assert.is(relays.transmissions(port), 2);
  addId(member.reachBefore, OWN);
  assert.is(relays.transmissions(port), 1);
});

test.run();
