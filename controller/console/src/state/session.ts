import type { CommandReply, PathReport } from "@skein/node-agent/api";
import type { ConsoleCommand, ConsoleServerMessage, Language } from "../../../src/api/messages.ts";
import { extendPaths, NO_PATHS } from "../../../src/fleet/path-history.ts";
import type { FleetEvent, Picture, TrackPoint } from "../../../src/fleet/picture.ts";
import { extendTrack } from "../../../src/fleet/tracks.ts";

const RETRY_MS = 1000;
const MAX_EVENTS = 500;
/** A picture comes each second; older than this, the controller is not there. */
const SILENCE_LIMIT_MS = 4000;

/** Everything the pages show, replaced as a whole at each change. */
export interface SessionState {
  online: boolean;
  language: Language | undefined;
  picture: Picture | undefined;
  /** Local clock when the picture came, so that ages go on while nothing arrives. */
  pictureAtMs: number;
  events: readonly FleetEvent[];
  paths: PathReport;
  voicePackets: number;
}

/** The console's connection to its controller: opened again after each loss, one reply for each command. */
export class Session {
  state: SessionState = {
    online: false,
    language: undefined,
    picture: undefined,
    pictureAtMs: 0,
    events: [],
    paths: NO_PATHS,
    voicePackets: 0,
  };
  readonly tracks = new Map<number, readonly TrackPoint[]>();
  /** Called with each PCM message: group, talker, samples. */
  onPcm: (group: number, talker: number, samples: Int16Array) => void = () => {};
  readonly #listeners = new Set<() => void>();
  readonly #waiting = new Map<number, (reply: CommandReply) => void>();
  #socket: WebSocket | undefined;
  #nextId = 1;
  #watch: ReturnType<typeof setTimeout> | undefined;
  #voicePackets = 0;

  start(): void {
    const socket = new WebSocket(new URL("api/ws", location.href.replace(/^http/, "ws")));
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    socket.onmessage = (event) => {
      this.#expectMore();
      if (event.data instanceof ArrayBuffer) this.#pcm(event.data);
      else this.#message(JSON.parse(String(event.data)) as ConsoleServerMessage);
    };
    socket.onclose = () => this.#lost();
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  send(command: ConsoleCommand): Promise<CommandReply> {
    const id = this.#nextId++;
    if (this.#socket?.readyState !== WebSocket.OPEN) {
      return Promise.resolve({ ok: false, code: "controller-unreachable", message: "the controller is not reachable" });
    }
    this.#socket.send(JSON.stringify({ type: "command", id, command }));
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }

  /** One piece of the microphone: 0x01, group, PCM. */
  sendPcm(group: number, samples: Int16Array): void {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    const octets = new Uint8Array(2 + samples.byteLength);
    octets[0] = 0x01;
    octets[1] = group;
    octets.set(new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength), 2);
    this.#socket.send(octets);
  }

  #update(change: Partial<SessionState>): void {
    this.state = { ...this.state, ...change };
    for (const listener of this.#listeners) listener();
  }

  #message(message: ConsoleServerMessage): void {
    switch (message.type) {
      case "welcome":
        this.tracks.clear();
        for (const { address, points } of message.tracks) this.tracks.set(address, points);
        this.#update({ online: true, language: message.language, events: message.events, paths: NO_PATHS });
        break;
      case "picture":
        this.#growTracks(message.picture);
        this.#update({ picture: message.picture, pictureAtMs: Date.now(), voicePackets: this.#voicePackets });
        break;
      case "paths":
        this.#update({ paths: extendPaths(this.state.paths, message.paths) });
        break;
      case "event":
        this.#update({ events: [...this.state.events, message.event].slice(-MAX_EVENTS) });
        break;
      case "reply":
        this.#waiting.get(message.id)?.(message.reply);
        this.#waiting.delete(message.id);
    }
  }

  #growTracks(picture: Picture): void {
    for (const { address, position } of picture.nodes) {
      if (position === null) continue;
      const atMs = Math.round(picture.atMs - position.ageS * 1000);
      const track = this.tracks.get(address) ?? [];
      this.tracks.set(address, extendTrack(track, [atMs, position.longitudeDeg, position.latitudeDeg]));
    }
  }

  #pcm(data: ArrayBuffer): void {
    const view = new DataView(data);
    if (data.byteLength < 6 || view.getUint8(0) !== 0x02) return;
    this.#voicePackets += 1;
    // Shown twice a second at most: 50 packets a second are no reason to draw 50 times.
    if (this.#voicePackets % 25 === 0) this.#update({ voicePackets: this.#voicePackets });
    this.onPcm(view.getUint8(1), view.getUint16(2), new Int16Array(data.slice(4)));
  }

  #expectMore(): void {
    clearTimeout(this.#watch);
    this.#watch = setTimeout(() => this.#socket?.close(), SILENCE_LIMIT_MS);
  }

  #lost(): void {
    clearTimeout(this.#watch);
    for (const resolve of this.#waiting.values()) {
      resolve({ ok: false, code: "controller-unreachable", message: "the connection to the controller was lost" });
    }
    this.#waiting.clear();
    this.#update({ online: false });
    setTimeout(() => this.start(), RETRY_MS);
  }
}
