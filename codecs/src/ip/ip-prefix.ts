/** IP networks and addresses as people write them, and as octets. */

export type IpFamily = 4 | 6;

export interface IpPrefix {
  readonly family: IpFamily;
  /** 0..32 or 0..128. */
  readonly lengthBits: number;
  /** Only the octets that the length covers; unused bits of the last one are zero. */
  readonly octets: Uint8Array;
}

/** An address with the length of its network: `10.1.2.3/24`. */
export interface Cidr {
  readonly family: IpFamily;
  readonly lengthBits: number;
  /** 4 or 16. */
  readonly octets: Uint8Array;
}

const IPV4_TEXT = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;
const GROUPS = 8;

/** Octets of an address in text; undefined if it is none. Takes no zone (`%eth0`) and no embedded IPv4. */
export function parseIpAddress(text: string): Uint8Array | undefined {
  const four = IPV4_TEXT.exec(text);
  if (four === null) return parseIpv6(text);
  const octets = Uint8Array.from(four.slice(1), Number);
  return four.slice(1).every((part) => Number(part) <= 255) ? octets : undefined;
}

function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half) => (half === "" ? [] : half.split(":"))) as [string[], string[] | undefined];
  const given = head.length + (tail?.length ?? 0);
  if (tail === undefined ? given !== GROUPS : given >= GROUPS) return undefined;
  const groups = [...head, ...new Array<string>(GROUPS - given).fill("0"), ...(tail ?? [])];
  const octets = new Uint8Array(16);
  for (const [i, group] of groups.entries()) {
    if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined;
    const value = Number.parseInt(group, 16);
    octets[2 * i] = value >>> 8;
    octets[2 * i + 1] = value;
  }
  return octets;
}

/** `ADDRESS/LENGTH`, or an address alone (all of its bits); undefined if it is neither. */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf("/");
  const octets = parseIpAddress(slash === -1 ? text : text.slice(0, slash));
  if (octets === undefined) return undefined;
  const width = 8 * octets.length;
  const lengthText = slash === -1 ? String(width) : text.slice(slash + 1);
  if (!/^\d{1,3}$/.test(lengthText) || Number(lengthText) > width) return undefined;
  return { family: octets.length === 4 ? 4 : 6, lengthBits: Number(lengthText), octets };
}

/** A network in text; undefined if it is none or has bits set behind its length. */
export function parseIpPrefix(text: string): IpPrefix | undefined {
  const cidr = parseCidr(text);
  if (cidr === undefined) return undefined;
  const { family, lengthBits } = cidr;
  const octets = cidr.octets.slice(0, (lengthBits + 7) >>> 3);
  const prefix = { family, lengthBits, octets };
  const isClean = cidr.octets.every((octet, i) => (octet & ~maskOctet(lengthBits, i) & 0xff) === 0);
  return isClean ? prefix : undefined;
}

/** `10.9.0.0/16`; IPv6 with its zero groups at the end left out. */
export function formatIpPrefix({ family, lengthBits, octets }: IpPrefix): string {
  const whole = new Uint8Array(family === 4 ? 4 : 16);
  whole.set(octets);
  return `${formatIpAddress(whole)}/${lengthBits}`;
}

/** Text of an address of 4 or 16 octets; the longest run of zero groups is `::` (RFC 5952). */
export function formatIpAddress(octets: Uint8Array): string {
  if (octets.length === 4) return octets.join(".");
  const groups = Array.from({ length: GROUPS }, (_, i) =>
    (((octets[2 * i] as number) << 8) | (octets[2 * i + 1] as number)).toString(16),
  );
  let from = 0;
  let longest = 0;
  for (let i = 0, run = 0; i < GROUPS; i++) {
    run = groups[i] === "0" ? run + 1 : 0;
    if (run > longest) [longest, from] = [run, i + 1 - run];
  }
  if (longest < 2) return groups.join(":");
  return `${groups.slice(0, from).join(":")}::${groups.slice(from + longest).join(":")}`;
}

/** True if the address at `octets[offset]` lies in the network; the families are the caller's business. */
export function prefixCovers(prefix: IpPrefix, octets: Uint8Array, offset: number): boolean {
  const { lengthBits } = prefix;
  const whole = lengthBits >>> 3;
  for (let i = 0; i < whole; i++) if (prefix.octets[i] !== octets[offset + i]) return false;
  if ((lengthBits & 7) === 0) return true;
  return (((prefix.octets[whole] as number) ^ (octets[offset + whole] as number)) & maskOctet(lengthBits, whole)) === 0;
}

/** Mask of octet `index` of a network with so many bits. */
function maskOctet(lengthBits: number, index: number): number {
  const bits = Math.min(8, Math.max(0, lengthBits - 8 * index));
  return (0xff00 >>> bits) & 0xff;
}
