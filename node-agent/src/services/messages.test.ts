import { test } from "uvu";
import * as assert from "uvu/assert";
import { GROUP_DESTINATION } from "../core/api.ts";
import { errorCode } from "../shell/skein-error.ts";
import { createFakeContext } from "./fake-context.ts";
import { SosService } from "./sos-service.ts";
import { TextService } from "./text-service.ts";

const nowhere = {
  latitudeDeg: Number.NaN,
  longitudeDeg: Number.NaN,
  altitudeM: Number.NaN,
  speedKmh: Number.NaN,
  courseDeg: Number.NaN,
  batteryPercent: 50,
};
const body = (text: string): Uint8Array => new TextEncoder().encode(text);

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return errorCode(error, "none");
  }
  return "no error";
}

test("a text on its way when the power went is sent again under its own id", () => {
  const context = createFakeContext();
  const texts = new TextService(context);
  texts.send(0x108, "in transit");
  context.nextId = 101;
  texts.send(0x108, "arrived");
  texts.onState({ type: "text-state", messageId: 101, to: 0x108, state: "delivered" }, 0);
  context.nextId = 102;
  texts.send(GROUP_DESTINATION + 1, "to all");
  texts.onState({ type: "text-state", messageId: 102, to: GROUP_DESTINATION + 1, state: "sent" }, 0);
  context.close();
  const again = createFakeContext({}, context.folder);
  const resumed = new TextService(again);
  resumed.resume();
  const sent = again.calls.filter(([name]) => name === "sendText");
  assert.equal(sent, [["sendText", 5_000_000, 0x108, body("in transit"), 100]]);
  // What was said to all is there for those who come later.
  const [kept, ...more] = again.calls.filter(([name]) => name === "keepText");
  assert.equal(kept?.slice(0, 5), ["keepText", 5_000_000, GROUP_DESTINATION + 1, body("to all"), 102]);
  assert.ok((kept?.[5] as number) >= 0);
  assert.equal(more, []);
  assert.equal(
    resumed.records().map((text) => text.state),
    ["queued", "delivered", "sent"],
  );
  again.remove();
});

test("a received text is kept, shown once, and known to the core after a restart", () => {
  const context = createFakeContext();
  const texts = new TextService(context);
  const event = { type: "text", from: 0x102, to: 0x107, messageId: 9, body: body("需支援") } as const;
  texts.onText(event, 0);
  texts.onText(event, 0);
  assert.is(texts.records().length, 1);
  assert.is(texts.records()[0]?.body, "需支援");
  assert.is(context.announced.length, 1);
  context.close();
  const again = createFakeContext({}, context.folder);
  new TextService(again).resume();
  assert.equal(again.calls, [["rememberText", 0x102, 9]]);
  again.remove();
});

test("a text that is too long, or to oneself, is refused with its code", () => {
  const context = createFakeContext();
  const texts = new TextService(context);
  assert.is(
    codeOf(() => texts.send(0x108, "路".repeat(342))),
    "text-too-long",
  );
  assert.is(
    codeOf(() => texts.send(0x107, "hello me")),
    "text-to-self",
  );
  assert.is(context.calls.length, 0);
  context.remove();
});

test("a body that is not UTF-8 is shown, not thrown at", () => {
  const context = createFakeContext();
  const texts = new TextService(context);
  texts.onText({ type: "text", from: 1, to: 2, messageId: 3, body: Uint8Array.of(0xff, 0xfe, 0x41) }, 0);
  assert.is(texts.records()[0]?.body, "\ufffd\ufffdA");
  context.remove();
});

test("an own SOS that nobody acknowledged is raised again after a restart, an acknowledged one is not", () => {
  const context = createFakeContext();
  const sos = new SosService(context, () => nowhere);
  context.nextId = 3;
  sos.raise(1);
  context.nextId = 4;
  sos.raise(2);
  sos.onAcknowledged({ type: "sos-acknowledged", from: 0x107, sosId: 4, by: 0x101 }, 0);
  context.close();
  const again = createFakeContext({}, context.folder);
  again.nextId = 5;
  const resumed = new SosService(again, () => nowhere);
  resumed.resume();
  assert.equal(again.calls, [["raiseSos", 5_000_000, 1, nowhere]]);
  assert.equal(
    resumed.records().map((s) => [s.id, s.acknowledgedBy]),
    [
      ["263:4", 0x101],
      ["263:5", null],
    ],
  );
  again.remove();
});

test("an SOS heard is an alarm until a person confirms it; a new call with its id is a new alarm", () => {
  const context = createFakeContext();
  const sos = new SosService(context, () => nowhere);
  const heard = {
    type: "sos",
    from: 0x105,
    sosId: 2,
    kind: 1,
    report: { ...nowhere, latitudeDeg: 31, longitudeDeg: 103 },
  } as const;
  sos.onSos(heard, 0);
  assert.is(context.announced[0], "alarm: SOS from node-261 at 31.00000, 103.00000");
  sos.confirm("261:2");
  assert.is(sos.records()[0]?.confirmed, true);
  assert.is(
    codeOf(() => sos.confirm("261:3")),
    "unknown-sos",
  );
  sos.onSos(heard, 0);
  assert.equal(
    sos.records().map((s) => s.confirmed),
    [false],
  );
  context.remove();
});

test.run();
