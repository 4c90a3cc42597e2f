import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import type { Bearer } from "../../bearer.ts";
import { ENDPOINT_ALL } from "../../bearer.ts";
import { type BearerRig, complianceCases, Recorder, sampleOctets, untilReal } from "../../compliance/suite.ts";
import { encodeCobs } from "../../framing/cobs.ts";
import { openPty, type Pty } from "../../pty/pty.ts";
import { PacedLine } from "../../testing/paced-line.ts";
import { createSerialBearer } from "./serial-bearer.ts";

const folder = mkdtempSync(join(tmpdir(), "skein-serial-"));
t.teardown(() => rmSync(folder, { recursive: true }));

function makeBearer(device: string, baud = 115_200, halfDuplex = true): Bearer {
  return createSerialBearer({ name: "uhf", device, baud, halfDuplex, mtuOctets: 240 });
}

async function makeRig(): Promise<BearerRig> {
  const left: Pty = openPty((octets, length) => right.write(octets, length));
  const right: Pty = openPty((octets, length) => left.write(octets, length));
  return {
    left: makeBearer(left.path),
    right: makeBearer(right.path),
    noise: (octets) => right.write(octets),
    until: untilReal,
    async close() {
      left.close();
      right.close();
    },
  };
}

/** Opens a bearer, runs the body, and closes the bearer whatever happens. */
async function using(bearer: Bearer, body: (record: Recorder) => Promise<void>): Promise<void> {
  const record = new Recorder();
  try {
    await bearer.open(record);
    await body(record);
  } finally {
    await bearer.close();
  }
}

for (const { name, run } of complianceCases({ make: makeRig })) t.test(`serial: ${name}`, run);

t.test("a device that is missing, appears, is unplugged and plugged in again", async (t) => {
  const device = join(folder, "tty-radio");
  const bearer = makeBearer(device);
  await using(bearer, async (record) => {
    t.same(record.told, ["down"]);
    t.match(record.lastDownReason, /tty-radio is missing/);
    for (let round = 1; round <= 2; round++) {
      const pty: Pty = openPty((octets, length) => pty.write(octets, length));
      symlinkSync(pty.path, device);
      await untilReal("up", () => record.count("up") === round);
      pty.write(lineOf(Uint8Array.of(round, 7)));
      await untilReal("frame", () => record.frames.length === round);
      rmSync(device);
      pty.close();
      await untilReal("down", () => record.count("down") === round + 1);
      t.notOk(bearer.send(ENDPOINT_ALL, Uint8Array.of(1), 1));
    }
    t.same(record.frames, ["0107", "0207"]);
    t.equal(bearer.counters.dropsSent["down"], 2);
  });
});

t.test("a device file that vanishes while its driver says nothing is down, too", async (t) => {
  const device = join(folder, "tty-quiet");
  const pty = openPty(() => undefined);
  symlinkSync(pty.path, device);
  await using(makeBearer(device), async (record) => {
    rmSync(device);
    await untilReal("down", () => record.count("down") === 1);
    t.match(record.lastDownReason, /unplugged/);
  });
  pty.close();
});

t.test("what can never work is refused with a code", async (t) => {
  const file = join(folder, "notes.txt");
  writeFileSync(file, "no radio");
  await t.rejects(makeBearer(file).open(new Recorder()), { code: "not-a-serial-device" });
  t.throws(() => makeBearer("/dev/ttyUSB0", 300), { code: "bad-option" });
  t.throws(() => makeBearer(""), { code: "bad-option" });
});

t.test("a device that another program holds is down, and up when it is free", async (t) => {
  const pty = openPty(() => undefined);
  const holder = makeBearer(pty.path);
  await holder.open(new Recorder());
  await using(makeBearer(pty.path), async (record) => {
    t.same(record.told, ["down"]);
    t.match(record.lastDownReason, /in use by another program/);
    await holder.close();
    await untilReal("up", () => record.count("up") === 1);
  });
  pty.close();
});

t.test("a line that echoes: own frames are dropped and are no carrier", async (t) => {
  // 1200 bit/s: 200 octets are 1.7 s on the line, and the echo comes while they are.
  const pty: Pty = openPty((octets, length) => pty.write(octets, length));
  const bearer = makeBearer(pty.path, 1200);
  await using(bearer, async (record) => {
    bearer.send(ENDPOINT_ALL, sampleOctets(3, 200), 200);
    await untilReal("echo", () => bearer.counters.dropsReceived["own-echo"] === 1);
    t.same(record.frames, []);
    t.equal(record.count("carrier"), 0);
  });
  pty.close();
});

t.test("carrier sense: busy from the first octet to the delimiter, or to silence where there is none", async (t) => {
  const pty = openPty(() => undefined);
  const bearer = makeBearer(pty.path, 9600);
  await using(bearer, async (record) => {
    const line = lineOf(sampleOctets(1, 50));
    pty.write(line.subarray(0, 20));
    await untilReal("carrier", () => record.count("carrier") === 1);
    await untilReal("silence by time", () => record.count("silence") === 1);
    pty.write(line.subarray(20));
    await untilReal("frame", () => record.frames.length === 1);
    t.same(record.told, ["up", "carrier", "silence", "carrier", "silence"]);
  });
  const fullDuplex = makeBearer(pty.path, 9600, false);
  await using(fullDuplex, async (record) => {
    pty.write(lineOf(Uint8Array.of(1)));
    await untilReal("frame", () => record.frames.length === 1);
    t.same(record.told, ["up"]);
  });
  pty.close();
});

t.test("9600 bit/s, half duplex, paced: the line is kept full and nothing is lost", async (t) => {
  const line = new PacedLine(9600);
  const left = makeBearer(line.left.path, 9600);
  const right = makeBearer(line.right.path, 9600);
  const frames = Array.from({ length: 25 }, (_, i) => sampleOctets(i + 1, 60));
  await using(left, async (sender) => {
    await using(right, async (receiver) => {
      const startMs = performance.now();
      let next = 0;
      await untilReal("all frames", () => {
        const frame = frames[next];
        if (frame !== undefined && left.send(ENDPOINT_ALL, frame, frame.length)) next++;
        return receiver.frames.length === frames.length;
      });
      const seconds = (performance.now() - startMs) / 1000;
      t.same(
        receiver.frames,
        frames.map((frame) => Buffer.from(frame).toString("hex")),
      );
      t.equal(receiver.count("carrier"), receiver.count("silence"), "each carrier ended");
      t.equal(sender.count("carrier"), 0);
      t.equal(line.collidedOctets, 0);
      t.comment(`${(line.carriedOctets / seconds).toFixed(0)} of 960 octets/s, ${(1500 / seconds).toFixed(0)} net`);
    });
  });
  line.close();
});

t.test("200 kB of noise: nothing is passed on, memory stays, the next frame arrives", async (t) => {
  const pty = openPty(() => undefined);
  const bearer = makeBearer(pty.path);
  await using(bearer, async (record) => {
    let fed = 0;
    for (let round = 1; fed < 200_000; round++) {
      fed += pty.write(sampleOctets(round, 2000));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    pty.write(Uint8Array.of(0));
    const wanted = lineOf(Uint8Array.of(0xab));
    await untilReal("frame after noise", () => {
      pty.write(wanted);
      return record.frames.includes("ab");
    });
    t.ok(Object.values(bearer.counters.dropsReceived).reduce((sum, n) => sum + n) > 100);
    const strangers = record.frames.filter((frame) => frame !== "ab").length;
    t.ok(strangers <= 1, "a check of 16 bits lets one noise frame in 65,536 pass");
  });
  pty.close();
});

function lineOf(frame: Uint8Array): Uint8Array {
  const out = new Uint8Array(frame.length + 10);
  return out.subarray(0, encodeCobs(frame, frame.length, out, 0));
}
