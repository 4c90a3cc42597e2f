import { createSocket, type Socket } from "node:dgram";
import { networkInterfaces } from "node:os";
import {
  CotType,
  cotToPosition,
  decodeTakDatagram,
  encodeCotEvent,
  MAX_COT_OCTETS,
  positionToCot,
} from "@skein/codecs";
import { addressTextOf } from "../config/load.ts";
import type { PositionReport, Role } from "../core/api.ts";
import { splitHostPort } from "../shell/api-server.ts";
import { errorMessage } from "../shell/skein-error.ts";
import type { ServiceContext } from "./context.ts";

/** Every event of this gateway, and of any other Skein gateway on the same network, has a uid that starts so. */
const UID_PREFIX = "skein-";
const RETRY_MS = 5000;
const STALE_INTERVALS = 6;
const STALE_MIN_MS = 60_000;
/** TAK clients remembered; a flood of invented ones is only counted. */
const CLIENTS_MAX = 256;
/** Atoms that are friends: TAK clients themselves, not what they draw. */
const FRIEND = "a-f-";
/** Types in the order of the roles' wire values: terminal, relay, airborne, vehicle, headquarters. */
const TYPE_OF_ROLE = [CotType.person, CotType.relay, CotType.airborne, CotType.vehicle, CotType.headquarters];

/** What a person needs to know of a member: name and role. */
export interface Member {
  name: string;
  role: Role;
}

/**
 * Cursor on Target on UDP multicast for TAK clients on the node's own network: the team's positions out, the clients'
 * own events in. What any Skein gateway has sent is never taken in again, by its uid.
 */
export class TakGateway {
  readonly counters: Record<string, number> = { sent: 0, received: 0, own: 0, malformed: 0, unsupported: 0, failed: 0 };
  readonly #context: ServiceContext;
  readonly #memberOf: (address: number) => Member;
  readonly #interface: string;
  readonly #group: string;
  readonly #port: number;
  readonly #out = new Uint8Array(MAX_COT_OCTETS);
  readonly #clients = new Set<string>();
  #socket: Socket | undefined;
  #isReady = false;
  #saidWhy = "";
  #retry: NodeJS.Timeout | undefined;

  constructor(
    context: ServiceContext,
    tak: { interface: string; group: string },
    memberOf: (address: number) => Member,
  ) {
    this.#context = context;
    this.#memberOf = memberOf;
    this.#interface = tak.interface;
    const { host, port } = splitHostPort(tak.group);
    this.#group = host;
    this.#port = port;
  }

  /** Joins the group; an interface that is not there (yet) is tried again. */
  start(): void {
    const local = networkInterfaces()[this.#interface]?.find((a) => a.family === "IPv4")?.address;
    if (local === undefined) return this.#again(`interface ${this.#interface} has no IPv4 address`);
    const socket = createSocket({ type: "udp4", reuseAddr: true });
    this.#socket = socket;
    socket.on("error", (error) => this.#again(errorMessage(error)));
    socket.on("message", (octets) => this.#receive(octets));
    socket.bind(this.#port, () => {
      try {
        socket.addMembership(this.#group, local);
        socket.setMulticastInterface(local);
        // A TAK client may run on this very machine.
        socket.setMulticastLoopback(true);
        socket.setMulticastTTL(1);
        this.#isReady = true;
        this.#saidWhy = "";
      } catch (error) {
        this.#again(errorMessage(error));
      }
    });
  }

  stop(): void {
    clearTimeout(this.#retry);
    this.#isReady = false;
    this.#socket?.removeAllListeners("error");
    this.#socket?.on("error", () => undefined);
    this.#socket?.close();
    this.#socket = undefined;
  }

  /** Shows one member's position to the TAK clients. */
  send(address: number, report: PositionReport): void {
    if (!this.#isReady) return;
    const uid = `${UID_PREFIX}${addressTextOf(address)}`;
    const member = this.#memberOf(address);
    const timeMs = Date.now();
    const staleMs = timeMs + Math.max(STALE_MIN_MS, STALE_INTERVALS * this.#context.config.position.intervalS * 1000);
    const type = TYPE_OF_ROLE[member.role] ?? CotType.person;
    const groupName = type === CotType.person ? "Cyan" : "";
    const event = positionToCot({
      uid,
      type,
      callsign: member.name,
      groupName,
      groupRole: "",
      timeMs,
      staleMs,
      report,
    });
    if (event === undefined) return;
    const lengthOctets = encodeCotEvent(event, this.#out, 0);
    this.#socket?.send(this.#out.slice(0, lengthOctets), this.#port, this.#group, (error) => {
      this.#count(error ? "failed" : "sent");
    });
    this.#context.journal.write("cot-sent", this.#context.nowUs(), { uid, lengthOctets });
  }

  #receive(octets: Uint8Array): void {
    const datagram = decodeTakDatagram(octets, 0, octets.length);
    if (datagram.kind !== "event") return this.#count(datagram.kind);
    const { uid, type } = datagram.event;
    if (uid.startsWith(UID_PREFIX)) return this.#count("own");
    this.#count("received");
    this.#context.journal.write("cot-received", this.#context.nowUs(), { uid, type, lengthOctets: octets.length });
    if (!type.startsWith(FRIEND) || this.#clients.has(uid) || this.#clients.size >= CLIENTS_MAX) return;
    const position = cotToPosition(datagram.event);
    if (position === undefined) return;
    this.#clients.add(uid);
    const { latitudeDeg, longitudeDeg } = position.report;
    const place = `${latitudeDeg.toFixed(5)}, ${longitudeDeg.toFixed(5)}`;
    this.#context.announce("info", `TAK client ${position.callsign.slice(0, 40)} at ${place}`);
  }

  #again(why: string): void {
    this.stop();
    if (this.#saidWhy !== why) this.#context.announce("warn", `TAK gateway: ${why}, trying again`);
    this.#saidWhy = why;
    this.#retry = setTimeout(() => this.start(), RETRY_MS);
  }

  #count(name: string): void {
    this.counters[name] = (this.counters[name] ?? 0) + 1;
  }
}
