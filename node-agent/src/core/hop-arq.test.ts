import { test } from "uvu";
import * as assert from "uvu/assert";
import { MAX_ASKS_WIDE } from "./limits.ts";
import { type Medium, VirtualMesh } from "./testing/virtual-mesh.ts";

const FRAMES = 60;
const FRAME_US = 20_000;
const LOST_FRAME = 20;

interface Talk {
  /** By frame: how long it was under way, microseconds. */
  delaysUs: Map<number, number>;
  reports: number;
}

/** Node 0 talks to node 1, which misses one frame, and of whose own frames then the first `deafFrames` are lost. */
function talk(deafFrames: number): Talk {
  const radio: Medium = { name: "radio", bearer: {}, members: [0, 1], loss: 0 };
  const mesh = new VirtualMesh(2, [radio]);
  assert.ok(mesh.run(5_000_000, () => mesh.allReachable()));
  mesh.run(3_000_000);
  let frame = -1;
  let deaf = 0;
  let missed = false;
  mesh.onFrame = (from) => {
    const misses = from === 0 && frame === LOST_FRAME && !missed;
    missed ||= misses;
    if (misses || (from === 1 && missed && deaf++ < deafFrames)) mesh.cut(0, 1, radio);
    else mesh.restore(0, 1, radio);
  };
  const reports = (): number => mesh.node(1).core.status(mesh.nowUs).counters["reports-sent"] ?? 0;
  const before = reports();
  const startUs = mesh.nowUs;
  const delaysUs = new Map<number, number>();
  const listen = (): boolean => {
    for (const event of mesh.node(1).events.splice(0))
      if (event.type === "voice")
        delaysUs.set(event.timestamp20ms, mesh.nowUs - startUs - event.timestamp20ms * FRAME_US);
    return false;
  };
  for (frame = 0; frame < FRAMES; frame++) {
    mesh.node(0).core.sendVoice(mesh.nowUs, 1, 1, 0, frame, new Uint8Array(60));
    mesh.drain(0);
    mesh.run(startUs + (frame + 1) * FRAME_US - mesh.nowUs, listen);
  }
  return { delaysUs, reports: reports() - before };
}

test("a voice frame is asked for again while it can still be played, when the question is lost", () => {
  for (const lostQuestions of [0, 1, 2, 3]) {
    const { delaysUs } = talk(lostQuestions);
    assert.is(delaysUs.size, FRAMES, `${lostQuestions} questions lost`);
    assert.ok((delaysUs.get(LOST_FRAME) as number) <= 240_000, `${delaysUs.get(LOST_FRAME)} us`);
  }
});

test("a voice frame that nobody repeats is asked for a few times only", () => {
  const { delaysUs, reports } = talk(Number.POSITIVE_INFINITY);
  assert.not.ok(delaysUs.has(LOST_FRAME));
  assert.ok(reports >= 3 && reports <= MAX_ASKS_WIDE, `${reports} reports`);
});

test.run();
