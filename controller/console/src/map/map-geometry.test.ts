import { test } from "uvu";
import * as assert from "uvu/assert";
import { gridLabel, gridLines, gridSpacingDeg } from "./graticule.ts";
import { type LabelRequest, placeLabels } from "./label-placement.ts";
import { spreadPoints } from "./spread-points.ts";

test("the grid is never denser than its aim and never much wider", () => {
  for (const degreesPerPixel of [1e-6, 1e-5, 3e-4, 2e-3, 0.05, 0.2]) {
    const spacingPx = gridSpacingDeg(degreesPerPixel) / degreesPerPixel;
    assert.ok(spacingPx >= 150 || degreesPerPixel >= 0.2, `${spacingPx} px at ${degreesPerPixel}`);
    assert.ok(spacingPx <= 400 || degreesPerPixel <= 1e-5, `${spacingPx} px at ${degreesPerPixel}`);
  }
});

test("lines are whole multiples, labels have the decimals that they need", () => {
  assert.equal(gridLines(103.42, 103.61, 0.05), [103.45, 103.5, 103.55, 103.6]);
  assert.equal(gridLines(-0.1, 0.1, 0.1), [-0.1, 0, 0.1]);
  assert.is(gridLabel(103.45, 0.05, "EW"), "103.45° E");
  assert.is(gridLabel(181, 1, "EW"), "179° W");
  assert.is(gridLabel(-31, 10, "NS"), "31° S");
});

test("labels of close nodes do not cover each other", () => {
  const requests: LabelRequest[] = [
    { key: 1, xPx: 100, yPx: 100, widthPx: 40 },
    { key: 2, xPx: 130, yPx: 112, widthPx: 40 },
    { key: 3, xPx: 95, yPx: 130, widthPx: 40 },
  ];
  const places = placeLabels(requests);
  const boxes = requests.map(({ key, xPx, yPx }) => {
    const { dxPx, dyPx } = places.get(key)!;
    return { left: xPx + dxPx, top: yPx + dyPx };
  });
  for (const [i, a] of boxes.entries()) {
    for (const b of boxes.slice(i + 1)) {
      assert.ok(Math.abs(a.left - b.left) >= 40 || Math.abs(a.top - b.top) >= 16, "two labels overlap");
    }
  }
  assert.equal(placeLabels(requests), places, "the same nodes get the same places");
});

test("crowded symbols are moved apart, others are not, and the same points give the same places", () => {
  const points = [
    { key: 1, x: 100, y: 100 },
    { key: 2, x: 100, y: 100 },
    { key: 3, x: 104, y: 99 },
    { key: 4, x: 300, y: 300 },
  ];
  const places = spreadPoints(points, 30);
  const list = [...places.values()];
  for (const [i, a] of list.entries()) {
    for (const b of list.slice(i + 1)) assert.ok(Math.hypot(a.x - b.x, a.y - b.y) > 25, "two symbols cover each other");
  }
  assert.equal(places.get(4), { x: 300, y: 300 });
  assert.ok(Math.hypot(places.get(1)!.x - 100, places.get(1)!.y - 100) < 40, "not far from where it is");
  assert.equal(spreadPoints(points, 30), places);
});

test.run();
