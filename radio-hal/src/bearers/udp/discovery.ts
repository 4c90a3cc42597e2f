import { errorText, systemCode } from "../../hal-error.ts";
import { type DiscoveryLink, discoveryLinks } from "./interface-watch.ts";
import { openUdpPort } from "./open-udp-port.ts";
import type { DiscoverOptions } from "./udp-options.ts";
import type { UdpPort, UdpPortEvents } from "./udp-port.ts";

/** An interface in use: its own port (all we send comes from there, so neighbours can answer) and the group's. */
interface OpenLink {
  readonly link: DiscoveryLink;
  readonly own: UdpPort;
  readonly group: UdpPort;
}

export interface DiscoveryEvents {
  /** `socket` is where an answer goes out. */
  datagram(octets: Uint8Array, length: number, address: string, port: number, socket: UdpPort): void;
  done(lengthOctets: number, good: boolean): void;
  ownEcho(): void;
  /** The socket is closed; endpoints must not use it any more. */
  gone(socket: UdpPort): void;
}

/** Multicast discovery on the configured interfaces, whichever of them are there. */
export class Discovery {
  readonly #options: DiscoverOptions;
  readonly #mtuOctets: number;
  readonly #batch: boolean;
  readonly #events: DiscoveryEvents;
  readonly #open = new Map<string, OpenLink>();
  /** Own port of each interface, taken again when it comes back: neighbours keep the endpoint that they know. */
  readonly #ownPorts = new Map<string, number>();
  #updating: Promise<void> | undefined;
  #closed = false;
  #reason = "no interface is there";

  constructor(options: DiscoverOptions, mtuOctets: number, batch: boolean, events: DiscoveryEvents) {
    this.#options = options;
    this.#mtuOctets = mtuOctets;
    this.#batch = batch;
    this.#events = events;
  }

  get up(): boolean {
    return this.#open.size > 0;
  }

  /** Why it is not up, for people. */
  get reason(): string {
    return `${this.#options.interfaces.join(", ")}: ${this.#reason}`;
  }

  /** Opens and closes sockets as interfaces come and go. Never rejects. */
  update(): Promise<void> {
    this.#updating ??= this.#update().finally(() => {
      this.#updating = undefined;
    });
    return this.#updating;
  }

  /** One multicast datagram on each interface; calls back for each. */
  sendAll(send: (socket: UdpPort, group: string, port: number) => void): void {
    for (const { link, own } of this.#open.values()) send(own, link.group, this.#options.port);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#updating;
    for (const key of [...this.#open.keys()]) await this.#drop(key);
  }

  async #update(): Promise<void> {
    const wanted = new Map(
      discoveryLinks(this.#options).map((link) => [`${link.interfaceName} ${link.address}`, link]),
    );
    for (const key of [...this.#open.keys()]) if (!wanted.has(key)) await this.#drop(key);
    for (const [key, link] of wanted) {
      if (this.#closed) return;
      if (!this.#open.has(key)) await this.#add(key, link);
    }
  }

  async #drop(key: string): Promise<void> {
    const open = this.#open.get(key);
    if (open === undefined) return;
    this.#open.delete(key);
    this.#reason = "no interface is there";
    this.#events.gone(open.own);
    await Promise.all([open.own.close(), open.group.close()]);
  }

  async #add(key: string, link: DiscoveryLink): Promise<void> {
    const ports: UdpPort[] = [];
    try {
      const own = await this.#bindOwn(key, link);
      ports.push(own);
      own.multicastThrough(link.interfaceAddress);
      const group = await this.#bind(link, link.group, this.#options.port, link.interfaceAddress, {
        datagram: (octets, length, address, port) => this.#fromGroup(link, own, octets, length, address, port),
        done: () => undefined,
        failed: () => void this.#drop(key),
      });
      ports.push(group);
      if (this.#closed) await Promise.all(ports.map((port) => port.close()));
      else this.#open.set(key, { link, own, group });
    } catch (error) {
      // An IPv6 address cannot be bound in its first second (duplicate address detection): the next look tries again.
      this.#reason = `${systemCode(error)} ${errorText(error)}`;
      await Promise.all(ports.map((port) => port.close()));
    }
  }

  async #bindOwn(key: string, link: DiscoveryLink): Promise<UdpPort> {
    const events: UdpPortEvents = {
      datagram: (octets, length, address, port) => this.#events.datagram(octets, length, address, port, own),
      done: (lengthOctets, good) => this.#events.done(lengthOctets, good),
      failed: () => void this.#drop(key),
    };
    const before = this.#ownPorts.get(link.interfaceName) ?? 0;
    const own: UdpPort = await this.#bind(link, link.address, before, undefined, events).catch((error) => {
      if (systemCode(error) !== "port-in-use") throw error;
      return this.#bind(link, link.address, 0, undefined, events);
    });
    this.#ownPorts.set(link.interfaceName, own.localPort);
    return own;
  }

  /** The group's socket brings a few hellos and sends nothing. */
  #bind(
    link: DiscoveryLink,
    host: string,
    port: number,
    groupOn: string | undefined,
    events: UdpPortEvents,
  ): Promise<UdpPort> {
    const common = { family: link.family, host, port, mtuOctets: this.#mtuOctets, batch: this.#batch };
    return openUdpPort(groupOn === undefined ? common : { ...common, groupOn }, events);
  }

  #fromGroup(
    link: DiscoveryLink,
    own: UdpPort,
    octets: Uint8Array,
    length: number,
    address: string,
    port: number,
  ): void {
    // The kernel hands a group's datagrams to every socket that is bound to the group, whichever interface they used.
    if (!link.owns(address)) return;
    if (port === own.localPort && address === link.address) this.#events.ownEcho();
    else this.#events.datagram(octets, length, address, port, own);
  }
}
