import { closeSync, constants, openSync, readSync, writeSync } from "node:fs";
import { SerialPort } from "serialport";
import t from "tap";
import { untilReal } from "../compliance/recorder.ts";
import { openPty, type Pty } from "./pty.ts";

const ALL_OCTETS = Uint8Array.from({ length: 256 }, (_, i) => i);

t.test("every octet passes unchanged, both ways, without echo", async (t) => {
  const heard: number[] = [];
  const pty = openPty((octets, length) => heard.push(...octets.subarray(0, length)));
  const slave = openSync(pty.path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
  writeSync(slave, ALL_OCTETS);
  await untilReal("256 octets at the master", () => heard.length >= 256);
  t.same(heard, [...ALL_OCTETS]);
  t.equal(pty.write(ALL_OCTETS), 256);
  const got: number[] = [];
  const buffer = new Uint8Array(256);
  await untilReal("256 octets at the slave", () => {
    got.push(...buffer.subarray(0, tryRead(slave, buffer)));
    return got.length >= 256;
  });
  t.same(got, [...ALL_OCTETS]);
  t.equal(heard.length, 256, "nothing was echoed");
  closeSync(slave);
  pty.close();
});

t.test("a reader that never reads costs octets, not the writer's time; close is idempotent", async (t) => {
  const pty = openPty(() => undefined);
  const block = new Uint8Array(4096);
  let taken = 0;
  for (let i = 0; i < 100; i++) taken += pty.write(block);
  t.ok(taken > 0 && taken < 100 * block.length, `${taken} octets were taken`);
  pty.close();
  pty.close();
  t.equal(pty.write(block), 0);
});

t.test("a program that closes the line and comes back finds it working", async (t) => {
  let heard = 0;
  const pty = openPty((_octets, length) => {
    heard += length;
  });
  for (let round = 1; round <= 3; round++) {
    const slave = openSync(pty.path, constants.O_RDWR | constants.O_NOCTTY);
    writeSync(slave, Uint8Array.of(1));
    closeSync(slave);
    await untilReal("octet arrives", () => heard === round);
  }
  t.equal(heard, 3);
  pty.close();
});

t.test("five lines in one process", async (t) => {
  const delaysMs: number[] = [];
  await Promise.all(Array.from({ length: 5 }, () => pingLine(delaysMs)));
  t.equal(delaysMs.length, 5 * 20);
  delaysMs.sort((a, b) => a - b);
  t.comment(`50 octets there and back through serialport: median ${delaysMs[50]!.toFixed(2)} ms`);
});

/** Sends 50 octets through serialport to an echoing pty, 20 times. */
async function pingLine(delaysMs: number[]): Promise<void> {
  const pty: Pty = openPty((octets, length) => pty.write(octets, length));
  const port = new SerialPort({ path: pty.path, baudRate: 9600 });
  let heard = 0;
  port.on("data", (octets: Buffer) => {
    heard += octets.length;
  });
  for (let round = 1; round <= 20; round++) {
    const startMs = performance.now();
    port.write(Buffer.alloc(50, round));
    await untilReal("echo", () => heard === 50 * round);
    delaysMs.push(performance.now() - startMs);
  }
  await new Promise<void>((resolve) => port.close(() => resolve()));
  pty.close();
}

function tryRead(fd: number, buffer: Uint8Array): number {
  try {
    return readSync(fd, buffer);
  } catch {
    return 0;
  }
}
