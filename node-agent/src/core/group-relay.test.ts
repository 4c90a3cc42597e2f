import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Medium, VirtualMesh } from "./testing/virtual-mesh.ts";

const FRAMES = 50;
const FRAME_US = 20_000;
const FIRST_PAYLOAD = 0xa5;

interface Talk {
  /** Transmissions of voice by each node. */
  sent: number[];
  /** Frames that came to each node, and how long the slowest took. */
  heard: number[];
  slowestUs: number[];
}

/** Node 0 says something while all are well and know each other. `loss`: from then on. */
function talk(mesh: VirtualMesh, radio: Medium, loss = 0): Talk {
  assert.ok(mesh.run(5_000_000, () => mesh.allReachable()));
  mesh.run(3_000_000);
  radio.loss = loss;
  const of = <T>(value: T): T[] => mesh.nodes.map(() => value);
  const result: Talk = { sent: of(0), heard: of(0), slowestUs: of(0) };
  // The rig's encryption is none.
  mesh.onFrame = (from, _, octets) => {
    if (octets.some((o, i) => o === FIRST_PAYLOAD && octets[i + 1] === FIRST_PAYLOAD))
      result.sent[from] = (result.sent[from] as number) + 1;
  };
  const startUs = mesh.nowUs;
  const look = (): boolean => {
    for (const [i, node] of mesh.nodes.entries()) {
      for (const event of node.events.splice(0)) {
        if (event.type !== "voice") continue;
        const tookUs = mesh.nowUs - startUs - event.timestamp20ms * FRAME_US;
        result.heard[i] = (result.heard[i] as number) + 1;
        result.slowestUs[i] = Math.max(result.slowestUs[i] as number, tookUs);
      }
    }
    return false;
  };
  for (let frame = 0; frame < FRAMES; frame++) {
    mesh.node(0).core.sendVoice(mesh.nowUs, 1, 1, 0, frame, new Uint8Array(40).fill(FIRST_PAYLOAD));
    mesh.drain(0);
    mesh.run(startUs + (frame + 1) * FRAME_US - mesh.nowUs, look);
  }
  mesh.run(1_000_000, look);
  return result;
}

const total = (counts: number[]): number => counts.reduce((sum, n) => sum + n, 0);

test("where all hear all, one relays for all, and not always the same one", () => {
  const members = Array.from({ length: 12 }, (_, i) => i);
  const radio: Medium = { name: "radio", bearer: {}, members, loss: 0 };
  const { sent, heard } = talk(new VirtualMesh(12, [radio]), radio);
  assert.equal(heard.slice(1), new Array(11).fill(FRAMES));
  assert.is(sent[0], FRAMES);
  assert.ok(total(sent) <= 2.5 * FRAMES, `${total(sent)} transmissions`);
  assert.ok(sent.slice(1).filter((n) => n > 0).length >= 8, `relays ${sent}`);
});

test("where frames get lost, others relay as well", () => {
  const members = Array.from({ length: 12 }, (_, i) => i);
  const radio: Medium = { name: "radio", bearer: {}, members, loss: 0 };
  const { heard } = talk(new VirtualMesh(12, [radio]), radio, 0.3);
  assert.equal(heard.slice(1), new Array(11).fill(FRAMES));
});

/** Node 0 is heard by 1 to 4; all of them reach 5, and the last of them 6 as well. */
function fan(): { mesh: VirtualMesh; radio: Medium } {
  const radio: Medium = { name: "radio", bearer: {}, members: [0, 1, 2, 3, 4, 5, 6], loss: 0 };
  const mesh = new VirtualMesh(7, [radio]);
  mesh.cut(0, 5, radio);
  for (const far of [0, 1, 2, 3, 5]) mesh.cut(far, 6, radio);
  return { mesh, radio };
}

test("who reaches the most goes first: nobody waits for the first copy", () => {
  const { mesh, radio } = fan();
  const { sent, heard, slowestUs } = talk(mesh, radio);
  assert.equal(heard.slice(1), new Array(6).fill(FRAMES));
  assert.is(sent[4], FRAMES);
  // Two hops of 5 ms, and at most 3 ms so that two relays do not begin at once.
  for (const far of [5, 6]) assert.ok((slowestUs[far] as number) < 15_000, `${slowestUs[far]} us to ${far}`);
});

test("when the best relay has just died, the next one sends in its turn", () => {
  const { mesh } = fan();
  assert.ok(mesh.run(5_000_000, () => mesh.allReachable()));
  mesh.run(3_000_000);
  mesh.node(4).powered = false;
  const startUs = mesh.nowUs;
  mesh.node(0).core.sendVoice(mesh.nowUs, 1, 1, 0, 0, new Uint8Array(40));
  mesh.drain(0);
  const isHeard = (): boolean => mesh.node(5).events.some((event) => event.type === "voice");
  assert.ok(mesh.run(500_000, isHeard));
  assert.ok(mesh.nowUs - startUs < 60_000, `${mesh.nowUs - startUs} us`);
});

test.run();
