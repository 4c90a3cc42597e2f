/**
 * The part of rtnetlink (RFC 3549; linux/rtnetlink.h) that sets an interface up, all integers in the host's order:
 *
 *   +-----------+---------+----------+------------+--------+
 *   | length 4  | type 2  | flags 2  | sequence 4 | port 4 |  nlmsghdr
 *   +-----------+---------+----------+------------+--------+
 *   | ifinfomsg 16, ifaddrmsg 8 or rtmsg 12                |
 *   +------------+---------+-------------------------------+
 *   | length 2   | type 2  | value, padded to 4            |  rtattr, any number
 *   +------------+---------+-------------------------------+
 *
 * Every request is acknowledged by an error message whose number is 0 when all went well.
 */
import { closeSync } from "node:fs";
import { constants } from "node:os";
import type { Cidr } from "@skein/codecs";
import type { TunCalls } from "./libc.ts";

const HEADER_OCTETS = 16;
const NLMSG_ERROR = 2;
const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_NEWADDR = 20;
const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
const REQUEST_WITH_ACKNOWLEDGEMENT = 0x5;
const CREATE = 0x400;
const REPLACE = 0x100;
const IFF_UP = 1;
const IFLA_MTU = 4;
const IFLA_GSO_MAX_SIZE = 41;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
/** No duplicate address detection: the address works at once, and nobody else is on this interface. */
const IFA_F_NODAD = 0x02;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_PRIORITY = 6;
const RT_TABLE_MAIN = 254;
const RTPROT_STATIC = 4;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
const RTN_UNICAST = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const ANSWER_OCTETS = 4096;

/** Requests about one interface, each answered before the next. Results are 0, or minus an error number. */
export class Netlink {
  readonly #calls: TunCalls;
  readonly #fd: number;
  readonly #answer = new Uint8Array(ANSWER_OCTETS);
  #sequence = 0;

  constructor(calls: TunCalls, fd: number) {
    this.#calls = calls;
    this.#fd = fd;
  }

  /** `gsoMaxOctets`: the longest packet that may stand for several (Linux 4.16). */
  setUp(index: number, mtuOctets: number, gsoMaxOctets: number): number {
    return this.#request(RTM_NEWLINK, 0, linkBody(index, IFF_UP), [
      [IFLA_MTU, u32(mtuOctets)],
      [IFLA_GSO_MAX_SIZE, u32(gsoMaxOctets)],
    ]);
  }

  deleteLink(index: number): number {
    return this.#request(RTM_DELLINK, 0, linkBody(index, 0), []);
  }

  addAddress(index: number, { family, lengthBits, octets }: Cidr): number {
    const body = new Uint8Array(8);
    body.set([familyNumber(family), lengthBits, family === 6 ? IFA_F_NODAD : 0, RT_SCOPE_UNIVERSE]);
    body.set(u32(index), 4);
    return this.#request(RTM_NEWADDR, CREATE | REPLACE, body, [
      [IFA_LOCAL, octets],
      [IFA_ADDRESS, octets],
    ]);
  }

  /** Routes with another metric than `metric` stay as they are. */
  addRoute(index: number, to: Cidr, metric: number): number {
    return this.#route(RTM_NEWROUTE, CREATE | REPLACE, index, to, metric);
  }

  deleteRoute(index: number, to: Cidr, metric: number): number {
    return this.#route(RTM_DELROUTE, 0, index, to, metric);
  }

  close(): void {
    closeSync(this.#fd);
  }

  #route(type: number, flags: number, index: number, to: Cidr, metric: number): number {
    const scope = to.family === 4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
    const body = new Uint8Array(12);
    body.set([familyNumber(to.family), to.lengthBits, 0, 0, RT_TABLE_MAIN, RTPROT_STATIC, scope, RTN_UNICAST]);
    const attributes: [number, Uint8Array][] = [
      [RTA_OIF, u32(index)],
      [RTA_PRIORITY, u32(metric)],
    ];
    // A default route has no destination.
    if (to.lengthBits > 0) attributes.push([RTA_DST, to.octets]);
    return this.#request(type, flags, body, attributes);
  }

  #request(type: number, flags: number, body: Uint8Array, attributes: [number, Uint8Array][]): number {
    const parts = attributes.map(([name, value]) => attribute(name, value));
    const length = HEADER_OCTETS + body.length + parts.reduce((sum, part) => sum + part.length, 0);
    const message = new Uint8Array(length);
    message.set(u32(length));
    message.set(u16(type), 4);
    message.set(u16(flags | REQUEST_WITH_ACKNOWLEDGEMENT), 6);
    message.set(u32(++this.#sequence), 8);
    message.set(body, HEADER_OCTETS);
    let at = HEADER_OCTETS + body.length;
    for (const part of parts) {
      message.set(part, at);
      at += part.length;
    }
    const sent = this.#calls.send(this.#fd, message);
    return sent < 0 ? sent : this.#acknowledgement();
  }

  #acknowledgement(): number {
    const length = this.#calls.receive(this.#fd, this.#answer);
    if (length < 0) return length;
    const view = new DataView(this.#answer.buffer);
    const isError = length >= HEADER_OCTETS + 4 && view.getUint16(4, LITTLE) === NLMSG_ERROR;
    return isError ? view.getInt32(HEADER_OCTETS, LITTLE) : -constants.errno.EPROTO;
  }
}

const LITTLE = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

function u16(value: number): Uint8Array {
  return new Uint8Array(Uint16Array.of(value).buffer);
}
function u32(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer);
}

function familyNumber(family: 4 | 6): number {
  return family === 6 ? AF_INET6 : AF_INET;
}

function linkBody(index: number, flags: number): Uint8Array {
  const body = new Uint8Array(16);
  body.set(u32(index), 4);
  body.set(u32(flags), 8);
  // Which flags are meant.
  body.set(u32(flags), 12);
  return body;
}

function attribute(name: number, value: Uint8Array): Uint8Array {
  const octets = new Uint8Array(4 * Math.ceil((4 + value.length) / 4));
  octets.set(u16(4 + value.length));
  octets.set(u16(name), 2);
  octets.set(value, 4);
  return octets;
}
