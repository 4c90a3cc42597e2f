import { createNarrowPull, encodeNarrowPull, pullSummary } from "@skein/codecs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { DatabasePulls } from "./database-pulls.ts";
import { LinkStateFlooding } from "./link-state-flooding.ts";
import { createNeighbour, type Neighbour } from "./neighbour.ts";
import type { Port } from "./port.ts";
import { createState } from "./state.ts";
import { type Medium, NARROW, VirtualMesh } from "./testing/virtual-mesh.ts";

const SECOND = 1_000_000;
const NOW_US = 100 * SECOND;
/** Local ids: this node, two others on its channel, and somebody beyond. */
const [SELF, ASKER, OTHER, BEYOND] = [1, 2, 3, 9] as const;

interface Member {
  readonly port: Port;
  readonly asker: Neighbour;
  readonly other: Neighbour;
  /** A question of the asker for the other one comes, out of a database with these nodes, each in its first version. */
  hears(known: readonly number[]): void;
}

/** A node on a narrow channel that knows of itself alone, and means to ask OTHER in a second. */
function member(): Member {
  const { options } = new VirtualMesh(1, [{ name: "radio", bearer: { layout: "narrow" }, members: [0], loss: 0 }]).node(
    0,
  );
  const state = createState(options);
  const flooding = new LinkStateFlooding(state, NOW_US);
  const pulls = new DatabasePulls(state, flooding);
  const [port] = state.ports as [Port];
  const [asker, other] = [ASKER, OTHER].map((local, i) => {
    const n = createNeighbour(i, 1000 + local, 256 + local, 0, NOW_US);
    port.neighbours.push(n);
    return n;
  }) as [Neighbour, Neighbour];
  other.pullDueUs = NOW_US + SECOND;
  const hears = (known: readonly number[]): void => {
    const pull = { ...createNarrowPull(), target: OTHER, mapOctets: 2, last: true };
    for (const local of known) pull.summaries[local] = pullSummary(1, 0);
    const octets = new Uint8Array(64);
    const end = encodeNarrowPull(pull, octets, 0);
    assert.ok(pulls.handlePull(NOW_US, port, asker, octets, 0, end));
  };
  return { port, asker, other, hears };
}

test("a question waits while somebody else's is answered, which may settle it", () => {
  const { asker, other, hears } = member();
  hears([SELF]);
  assert.ok(other.pullDueUs > NOW_US + SECOND, "postponed");
  assert.is(asker.pullDueUs, Number.POSITIVE_INFINITY);
});

test("where the asker has what is missing here, the question goes to the asker, and does not wait for the answer", () => {
  const { port, asker, other, hears } = member();
  hears([SELF, BEYOND]);
  assert.is(other.pullDueUs, Number.POSITIVE_INFINITY, "one question at a time");
  assert.ok(asker.pullDueUs <= NOW_US + SECOND, `due in ${asker.pullDueUs - NOW_US} us`);
  assert.ok(port.answerDueUs <= asker.pullDueUs, "and the transmitter wakes up for it");
});

for (const [name, bearer, starts] of [
  ["an IP link", { medium: "point-to-point" }, 128],
  ["a serial channel", NARROW, 8],
] as const) {
  test(`two that know a third from before and after half of all its numbers agree at last, over ${name}`, () => {
    // 0 and 1 have each heard 2, never at the same time, and meet when it is gone.
    const link = (members: number[]): Medium => ({ name: `link ${members}`, bearer, members, loss: 0 });
    const [joint, toFirst, toSecond] = [link([0, 1]), link([0, 2]), link([1, 2])] as const;
    const mesh = new VirtualMesh(3, [joint, toFirst, toSecond]);
    for (const [a, b, medium] of [[0, 1, joint] as const, [1, 2, toSecond] as const]) mesh.cut(a, b, medium);
    mesh.run(20 * SECOND);
    mesh.cut(0, 2, toFirst);
    for (let start = 0; start < starts; start++) mesh.restart(2);
    mesh.restore(1, 2, toSecond);
    mesh.run(20 * SECOND);
    mesh.node(2).powered = false;
    mesh.run(60 * SECOND);
    mesh.restore(0, 1, joint);
    mesh.run(60 * SECOND);
    const asked = (): number =>
      [0, 1].reduce((sum, i) => sum + (mesh.node(i).core.status(mesh.nowUs).counters["pulls-sent"] ?? 0), 0);
    const before = asked();
    mesh.run(300 * SECOND);
    assert.is(asked() - before, 0, "they have nothing to ask any more");
  });
}

test.run();
