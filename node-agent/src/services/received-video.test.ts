import { createRtpHeader, encodeRtpHeader } from "@skein/codecs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ReceivedVideo } from "./received-video.ts";

const PACKET_OCTETS = 1_000;
const PICTURE_US = 50_000;
const RTP_TICKS = 4_500;
const SECOND_US = 1_000_000;

/** A camera whose pictures go through one pipe: its rate, its queue, its delay, and what it loses. */
class Pipe {
  bps = 1e6;
  queueUs = 300_000;
  delayUs = 20_000;
  ssrc = 7;
  /** Number of a packet: true if it gets lost. */
  loses: (n: number) => boolean = () => false;
  /** Number of a packet: how much later than others it is. */
  laterUs: (n: number) => number = () => 0;
  nowUs = 10 * SECOND_US;
  /** What it is asked for, with the time. */
  readonly asked: { atUs: number; bps: number }[] = [];
  lost = 0;
  readonly received = new ReceivedVideo();
  readonly #header = createRtpHeader();
  readonly #arrivals: { atUs: number; octets: Uint8Array }[] = [];
  #freeUs = 0;
  #packets = 0;

  /** Films; `bps` is asked for each picture, given what was asked for last, 0: nothing. */
  film(seconds: number, bps: (askedBps: number) => number): void {
    const endUs = this.nowUs + seconds * SECOND_US;
    for (let octets = 0; this.nowUs < endUs; this.nowUs += PICTURE_US) {
      octets += (bps(this.received.askedBps) * PICTURE_US) / 8e6;
      for (; octets >= PACKET_OCTETS; octets -= PACKET_OCTETS) this.#send();
      this.#header.timestamp += RTP_TICKS;
      this.#arrive();
    }
  }

  #send(): void {
    const n = this.#packets++;
    this.#header.sequence = (65_000 + n) & 0xffff;
    this.#header.ssrc = this.ssrc;
    if (this.loses(n) || this.#freeUs - this.nowUs > this.queueUs) {
      this.lost++;
      return;
    }
    this.#freeUs = Math.max(this.nowUs, this.#freeUs) + (PACKET_OCTETS * 8e6) / this.bps;
    const octets = new Uint8Array(PACKET_OCTETS);
    encodeRtpHeader(this.#header, octets, 0);
    this.#arrivals.push({ atUs: this.#freeUs + this.delayUs + this.laterUs(n), octets });
  }

  #arrive(): void {
    this.#arrivals.sort((a, b) => a.atUs - b.atUs);
    while (this.#arrivals.length > 0 && (this.#arrivals[0]?.atUs ?? 0) <= this.nowUs) {
      const { atUs, octets } = this.#arrivals.shift() as { atUs: number; octets: Uint8Array };
      if (this.received.take(atUs, octets)) this.asked.push({ atUs, bps: this.received.askedBps });
    }
  }
}
const obeying =
  (wantedBps: number) =>
  (askedBps: number): number =>
    askedBps === 0 ? wantedBps : Math.min(wantedBps, askedBps);

test("more than goes through is cut to what does, within two seconds, and then nothing is lost", () => {
  for (const wantedBps of [1.3e6, 2e6, 8e6]) {
    const pipe = new Pipe();
    const fromUs = pipe.nowUs;
    pipe.film(4, obeying(wantedBps));
    const first = pipe.asked[0] as { atUs: number; bps: number };
    assert.ok(first.atUs - fromUs < 2 * SECOND_US, `asked after ${first.atUs - fromUs} us`);
    const lost = pipe.lost;
    let octets = 0;
    pipe.film(60, (askedBps) => {
      octets += obeying(wantedBps)(askedBps) / 8 / 20;
      return obeying(wantedBps)(askedBps);
    });
    assert.is(pipe.lost, lost, `${wantedBps}: nothing lost later`);
    const share = (octets * 8) / 60 / pipe.bps;
    assert.ok(share > 0.85 && share < 1, `${wantedBps}: ${share.toFixed(3)} of the pipe is used`);
  }
});

test("where nothing waits, what is lost tells", () => {
  const pipe = new Pipe();
  pipe.queueUs = 30_000;
  pipe.film(10, obeying(2e6));
  const { lost } = pipe;
  pipe.film(10, obeying(2e6));
  assert.ok(pipe.lost - lost <= 12, `${pipe.lost - lost} lost of some 1,200`);
});

test("it grows with the pipe, and who is no longer held by it is asked for nothing", () => {
  const pipe = new Pipe();
  pipe.film(10, obeying(2e6));
  assert.ok(pipe.received.askedBps > 0);
  pipe.bps = 10e6;
  pipe.film(80, obeying(2e6));
  assert.is(pipe.received.askedBps, 0);
  const count = pipe.asked.length;
  pipe.film(10, obeying(2e6));
  assert.is(pipe.asked.length, count);
});

test("nothing is asked for where everything comes through, whatever else happens", () => {
  const cases: Record<string, (pipe: Pipe) => void> = {
    "a quarter of a second of difference between two paths": (pipe) => {
      pipe.laterUs = (n) => (n % 3 === 0 ? 250_000 : 0);
    },
    "one packet in fifty is lost": (pipe) => {
      pipe.loses = (n) => n % 50 === 0;
    },
    "a path that has to find its rate": (pipe) => {
      pipe.laterUs = (n) => (n < 50 ? 4_000 * n : 0);
    },
    "a source that begins anew": (pipe) => {
      pipe.film(5, () => 5e5);
      pipe.ssrc = 8;
    },
    "a pause": (pipe) => {
      pipe.film(5, () => 5e5);
      pipe.film(5, () => 0);
    },
  };
  for (const [what, happens] of Object.entries(cases)) {
    const pipe = new Pipe();
    happens(pipe);
    pipe.film(20, () => 5e5);
    assert.equal(pipe.asked, [], what);
  }
});

/** A packet each picture, so that a break may begin where a window does. */
const FILM_BPS = (PACKET_OCTETS * 8e6) / PICTURE_US;

test("a longer path, and a break, cost a cut each at most", () => {
  const lengthen = (pipe: Pipe): void => {
    pipe.delayUs += 300_000;
  };
  const breakOff = (pipe: Pipe): void => {
    pipe.loses = () => true;
    pipe.film(1.5, () => FILM_BPS);
    pipe.loses = () => false;
  };
  for (const happens of [[lengthen], [breakOff], [breakOff, lengthen]]) {
    for (let pictures = 0; pictures < 12; pictures++) {
      const pipe = new Pipe();
      pipe.film(10 + (pictures * PICTURE_US) / SECOND_US, () => FILM_BPS);
      for (const one of happens) one(pipe);
      pipe.film(20, obeying(FILM_BPS));
      const least = Math.min(...pipe.asked.map(({ bps }) => bps));
      assert.ok(least > 0.7 * FILM_BPS, `${least} asked for`);
    }
  }
});

test("after a break in which the numbers went round, a loss is still noticed", () => {
  const pipe = new Pipe();
  pipe.queueUs = 30_000;
  pipe.film(5, () => 5e5);
  pipe.loses = () => true;
  pipe.film(40, () => 8e6);
  pipe.loses = () => false;
  pipe.film(10, obeying(2e6));
  assert.ok(pipe.received.askedBps > 0);
});

test("what is no RTP is left alone", () => {
  const received = new ReceivedVideo();
  for (const octets of [new Uint8Array(0), new Uint8Array(5), Uint8Array.of(0x40, 1, 2, 3), new Uint8Array(1200)]) {
    assert.not.ok(received.take(SECOND_US, octets));
  }
  assert.is(received.askedBps, 0);
});

test.run();
