import { isIPv6, SocketAddress } from "node:net";
import type { UdpPort } from "./udp-port.ts";

/** Senders known at a time, static neighbours included. */
const UDP_ENDPOINTS_MAX = 256;
/** A learned sender that was answered keeps its number for this long after it fell silent. */
const ANSWERED_KEEP_MS = 60_000;

/** A sender or receiver of datagrams. */
export interface Endpoint {
  readonly index: number;
  /** Numeric address as the socket reports it, scope included; "" while a name is not looked up yet. */
  address: string;
  port: number;
  /** Socket to send from; undefined while there is none. */
  socket: UdpPort | undefined;
  readonly isStatic: boolean;
  heardAtMs: number;
  /** A frame was sent to it alone. */
  isAnswered: boolean;
}

/** The spelling that sockets report: IPv6 in canonical form, its scope kept. */
export function canonicalAddress(host: string): string {
  const [address = "", scope] = host.split("%");
  if (!isIPv6(address)) return host;
  const canonical = new SocketAddress({ address, family: "ipv6" }).address;
  return scope === undefined ? canonical : `${canonical}%${scope}`;
}

/**
 * Endpoints by source address. The table is bounded, and anybody can fill it with made-up source addresses: a sender
 * that was never answered (nothing of it was authentic) gives way to the next, oldest first; one that was answered
 * stays while it is heard.
 */
export class EndpointTable {
  readonly #endpoints: Endpoint[] = [];
  readonly #byAddress = new Map<string, Endpoint[]>();
  readonly #limit: number;

  constructor(limit: number = UDP_ENDPOINTS_MAX) {
    this.#limit = limit;
  }

  get all(): readonly Endpoint[] {
    return this.#endpoints;
  }

  at(index: number): Endpoint | undefined {
    return this.#endpoints[index];
  }

  addStatic(address: string, port: number): Endpoint {
    return this.#add(address, port, true);
  }

  find(address: string, port: number): Endpoint | undefined {
    const here = this.#byAddress.get(address);
    if (here === undefined) return undefined;
    for (let i = 0; i < here.length; i++) if (here[i]!.port === port) return here[i];
    return undefined;
  }

  /** Makes room for a new sender; undefined if the table is full of better ones. */
  admit(address: string, port: number, nowMs: number): Endpoint | undefined {
    if (this.#endpoints.length < this.#limit) return this.#add(address, port, false);
    const victim = this.#victim(nowMs);
    if (victim === undefined) return undefined;
    this.move(victim, address, port);
    victim.isAnswered = false;
    return victim;
  }

  /** The endpoint has another address from now on. */
  move(endpoint: Endpoint, address: string, port: number): void {
    this.#unlink(endpoint);
    endpoint.address = address;
    endpoint.port = port;
    this.#link(endpoint);
  }

  #add(address: string, port: number, isStatic: boolean): Endpoint {
    const endpoint: Endpoint = {
      index: this.#endpoints.length,
      address,
      port,
      socket: undefined,
      isStatic,
      heardAtMs: 0,
      isAnswered: false,
    };
    this.#endpoints.push(endpoint);
    this.#link(endpoint);
    return endpoint;
  }

  #victim(nowMs: number): Endpoint | undefined {
    let oldest: Endpoint | undefined;
    for (const endpoint of this.#endpoints) {
      if (endpoint.isStatic || (endpoint.isAnswered && nowMs - endpoint.heardAtMs < ANSWERED_KEEP_MS)) continue;
      if (oldest === undefined || endpoint.heardAtMs < oldest.heardAtMs) oldest = endpoint;
    }
    return oldest;
  }

  #link(endpoint: Endpoint): void {
    if (endpoint.address === "") return;
    const here = this.#byAddress.get(endpoint.address);
    if (here === undefined) this.#byAddress.set(endpoint.address, [endpoint]);
    else here.push(endpoint);
  }

  #unlink(endpoint: Endpoint): void {
    const here = this.#byAddress.get(endpoint.address);
    if (here === undefined) return;
    const at = here.indexOf(endpoint);
    if (at >= 0) here.splice(at, 1);
    if (here.length === 0) this.#byAddress.delete(endpoint.address);
  }
}
