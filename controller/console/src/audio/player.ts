const WIRE_RATE_HZ = 16_000;
/** Ahead of the present when a talker starts, seconds: what the socket may jitter. */
const LEAD_S = 0.06;
/** A talker that runs further ahead than this is cut back, so that lag never grows. */
const MAX_AHEAD_S = 0.4;

/** Plays PCM of any number of talkers at once, each on its own time line. */
export class Player {
  readonly #context: () => AudioContext;
  readonly #nextS = new Map<number, number>();

  constructor(context: () => AudioContext) {
    this.#context = context;
  }

  play(talker: number, samples: Int16Array): void {
    const context = this.#context();
    if (context.state !== "running" || samples.length === 0) return;
    const nowS = context.currentTime;
    const dueS = this.#nextS.get(talker) ?? 0;
    if (dueS > nowS + MAX_AHEAD_S) return;
    const startS = dueS < nowS + 0.005 ? nowS + LEAD_S : dueS;
    const buffer = context.createBuffer(1, samples.length, WIRE_RATE_HZ);
    const channel = buffer.getChannelData(0);
    for (let i = 0; i < samples.length; i++) channel[i] = samples[i]! / 32768;
    const source = context.createBufferSource();
    source.buffer = buffer;
    source.connect(context.destination);
    source.start(startS);
    this.#nextS.set(talker, startS + buffer.duration);
  }
}
