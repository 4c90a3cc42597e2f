import {
  clampTcpMss,
  classifyIp,
  compressIp,
  createIpHeader,
  decodeIpHeader,
  decompressIp,
  decrementHopLimit,
  encodeUnreachable,
  FlowCompressor,
  FlowDecompressor,
  formatIpPrefix,
  IP_RULE_OCTETS,
  type IpClass,
  type IpPrefix,
  IpProtocol,
  type IpRule,
  isMulticast,
  MESH_IPV4_PREFIX,
  MESH_IPV6_PREFIX,
  meshAddressOf,
  meshIpv4Text,
  meshIpv6Text,
  parseIpPrefix,
  UNREACHABLE_MAX_OCTETS,
} from "@skein/codecs";
import type { openTun, TunDevice } from "@skein/radio-hal/tun";
import { type IpConfig, parsePorts } from "../config/schema.ts";
import { MAX_IP_OCTETS, type NodeEvent, Precedence, TrafficClass } from "../core/api.ts";
import { errorMessage } from "../shell/skein-error.ts";
import { Admission } from "./admission.ts";
import type { ServiceContext } from "./context.ts";
import { EchoFilter, fingerprintOf } from "./echo-filter.ts";
import { IpFlows } from "./ip-flows.ts";

/** Situational awareness and chat of ATAK (its built-in defaults): a team without them is blind. */
const ATAK_GROUPS = ["239.2.3.1", "224.10.10.1"];
/** Calls send packets up to this; what is longer gains nothing by a shorter header. */
const CALL_MAX_OCTETS = 400;
/** "Destination unreachable" answers a second; the rest is only counted (RFC 4443 2.4 (f)). */
const ANSWERS_PER_S = 10;

const PROTOCOL = { udp: IpProtocol.udp, tcp: IpProtocol.tcp, any: 0 } as const;

const COUNTERS = {
  toMesh: 0,
  fromMesh: 0,
  groupToMesh: 0,
  groupFromMesh: 0,
  octetsToMesh: 0,
  octetsOfFrames: 0,
  mssLowered: 0,
  unreachableSent: 0,
  unreachableSuppressed: 0,
  /** Not IP, or cut short. */
  dropMalformed: 0,
  /** Of a call whose context was not heard, or has changed. */
  dropUnknownCall: 0,
  /** This node has no interface. */
  dropNoInterface: 0,
  /** Nobody owns the destination. */
  dropUnknown: 0,
  /** Its owner cannot be reached now. */
  dropNoWay: 0,
  /** This node is behind with what others send through it. */
  dropOverload: 0,
  /** A group that is not carried. */
  dropGroup: 0,
  /** Neighbour discovery and the like, which concerns this link alone. */
  dropLinkLocal: 0,
  /** A group packet that came back through another network. */
  dropEcho: 0,
  /** Its source is the own address of another node than the one that sent it. */
  dropForeignSource: 0,
};

/**
 * IP over the mesh: what this machine (or its network) routes into the TUN goes to the node that owns the destination,
 * and comes out of that node's TUN. Groups go to everyone. The mesh is one hop of IP.
 */
export class IpGateway {
  readonly #counters = { ...COUNTERS };
  readonly #context: ServiceContext;
  readonly #config: IpConfig;
  readonly #open: typeof openTun;
  readonly #rules: readonly IpRule[];
  readonly #groups: ReadonlySet<number>;
  readonly #groupRoutes: readonly string[];
  /** Networks whose routes do not follow the mesh: its own, and those behind this node. */
  readonly #fixed: ReadonlySet<string>;
  readonly #header = createIpHeader();
  readonly #class: IpClass = { trafficClass: 0, precedence: 0, critical: false };
  readonly #out = new Uint8Array(MAX_IP_OCTETS + IP_RULE_OCTETS);
  readonly #in = new Uint8Array(MAX_IP_OCTETS);
  readonly #answer = new Uint8Array(UNREACHABLE_MAX_OCTETS);
  readonly #sent = new EchoFilter();
  readonly #taken = new EchoFilter();
  readonly #flows = new IpFlows();
  readonly #admission: Admission;
  readonly #toCalls: FlowCompressor;
  readonly #fromCalls = new FlowDecompressor();
  readonly #scratch = new Uint8Array(MAX_IP_OCTETS + IP_RULE_OCTETS);
  #tun: TunDevice | undefined;
  #isStopped = false;
  #prefixes: readonly IpPrefix[] = [];
  #routes = new Set<string>();
  #answersLeft = ANSWERS_PER_S;
  #answersAtUs = 0;

  constructor(context: ServiceContext, config: IpConfig, open: typeof openTun) {
    this.#context = context;
    this.#config = config;
    this.#open = open;
    this.#admission = new Admission(() => context.nowUs());
    this.#toCalls = new FlowCompressor(context.nowUs());
    this.#rules = config.classes.map(toRule);
    const groups = [...new Set([...ATAK_GROUPS, ...config.multicast])];
    this.#groups = new Set(groups.map(numberOf));
    this.#groupRoutes = groups.map((group) => `${group}/32`);
    const fixed = [MESH_IPV6_PREFIX, MESH_IPV4_PREFIX, ...this.#groupRoutes, ...config.prefixes];
    // In one spelling, that of `formatIpPrefix`.
    this.#fixed = new Set(fixed.map((text) => formatIpPrefix(parseIpPrefix(text) as IpPrefix)));
  }

  get counters(): Record<string, number> {
    return { ...this.#counters, ...this.#tun?.counters };
  }

  /** Makes the interface. A node that may not, or has none, carries the others' packets all the same. */
  async start(): Promise<void> {
    const { tun: name, mtuOctets } = this.#config;
    const { address } = this.#context;
    const own = [meshIpv6Text(address), meshIpv4Text(address)];
    const addresses = [`${own[0]}/128`, `${own[1]}/32`];
    const routes = [MESH_IPV6_PREFIX, MESH_IPV4_PREFIX, ...this.#groupRoutes];
    try {
      this.#tun = await this.#open({ name, mtuOctets, addresses, routes }, this.#packet);
    } catch (error) {
      const remedy = (error as { remedy?: string }).remedy ?? "";
      const hint = remedy === "" ? "" : `: ${remedy}`;
      this.#context.announce("warn", `No IP over the mesh: ${errorMessage(error)}${hint}`);
      return;
    }
    if (this.#isStopped) return this.stop();
    this.onRoutes();
    this.#context.announce("info", `IP over the mesh: ${name} is ${own.join(" and ")}`);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#tun?.close();
  }

  /** The mesh has changed: networks of other nodes may have come or gone. */
  onRoutes(): void {
    const prefixes = this.#context.core.foreignPrefixes();
    if (this.#tun === undefined || prefixes === this.#prefixes) return;
    this.#prefixes = prefixes;
    const wanted = new Set(prefixes.map(formatIpPrefix).filter((text) => !this.#fixed.has(text)));
    for (const text of this.#routes) if (!wanted.has(text)) this.#tun.removeRoute(text);
    for (const text of wanted) {
      if (!this.#routes.has(text) && !this.#tun.addRoute(text))
        this.#context.announce("warn", `No route to ${text}: the kernel refused it`);
    }
    this.#routes = wanted;
  }

  /** A packet that came through the mesh. */
  onEvent(event: Extract<NodeEvent, { type: "ip" }>, nowUs: number): void {
    if (this.#tun === undefined) return this.#count("dropNoInterface");
    const { from, to, octets } = event;
    const packet = this.#in;
    const length = this.#restore(octets, from, to);
    const header = this.#header;
    if (!decodeIpHeader(packet, 0, length, header)) return this.#count("dropMalformed");
    const { family, sourceOffset } = header;
    const speaker = meshAddressOf(packet, sourceOffset, family);
    if (speaker !== 0 && speaker !== from) return this.#count("dropForeignSource");
    if (isMulticast(packet, header)) {
      if (!this.#isCarried(packet)) return this.#count("dropGroup");
      const fingerprint = fingerprintOf(packet, header);
      if (this.#sent.has(fingerprint, nowUs)) return this.#count("dropEcho");
      this.#taken.remember(fingerprint, nowUs);
      // Group traffic of ATAK is sent with a last hop: to it the whole mesh is the local network.
      this.#count("groupFromMesh");
    } else {
      decrementHopLimit(packet, header);
      this.#counters.fromMesh++;
    }
    this.#tun.write(packet, 0, length);
  }

  /** A packet that this machine has routed into the interface; it may be changed in place. */
  readonly #packet = (octets: Uint8Array, offset: number, length: number): void => {
    const header = this.#header;
    if (!decodeIpHeader(octets, offset, length, header)) return this.#count("dropMalformed");
    if (isLinkLocal(octets, header.sourceOffset, header.family)) return this.#count("dropLinkLocal");
    if (isMulticast(octets, header)) return this.#group(octets);
    const to = this.#context.core.resolveIp(octets, header.destinationOffset, header.family);
    if (to === 0 || to === this.#context.address) {
      this.#count("dropUnknown");
      return this.#unreachable(octets);
    }
    if (clampTcpMss(octets, header, this.#config.mtuOctets)) this.#count("mssLowered");
    const nowUs = this.#context.nowUs();
    const said = classifyIp(octets, header, this.#rules, this.#class);
    if (!said && this.#config.recognise) this.#class.trafficClass = this.#flows.recognise(nowUs, octets, header);
    const { trafficClass, precedence, critical } = this.#class;
    const isSpared = trafficClass === TrafficClass.voice || critical;
    if (!isSpared && !this.#admission.admits()) return this.#count("dropOverload");
    const { address: own, core } = this.#context;
    let written = compressIp(octets, offset, header.lengthOctets, own, to, this.#out, 0);
    if (trafficClass === TrafficClass.voice) written = this.#shorten(written, to);
    const way = core.sendIp(
      nowUs,
      to,
      trafficClass as TrafficClass,
      precedence as Precedence,
      critical,
      this.#out,
      0,
      written,
    );
    if (!way) {
      this.#count("dropNoWay");
      return this.#unreachable(octets);
    }
    this.#counters.toMesh++;
    this.#counters.octetsToMesh += header.lengthOctets;
    this.#counters.octetsOfFrames += written;
    this.#context.touchNow();
  };

  #group(octets: Uint8Array): void {
    const header = this.#header;
    if (isLinkLocal(octets, header.destinationOffset, header.family)) return this.#count("dropLinkLocal");
    if (!this.#isCarried(octets)) return this.#count("dropGroup");
    const nowUs = this.#context.nowUs();
    const fingerprint = fingerprintOf(octets, header);
    if (this.#taken.has(fingerprint, nowUs)) return this.#count("dropEcho");
    this.#sent.remember(fingerprint, nowUs);
    classifyIp(octets, header, this.#rules, this.#class);
    const { trafficClass } = this.#class;
    const { offset, lengthOctets } = header;
    const written = compressIp(octets, offset, lengthOctets, this.#context.address, 0, this.#out, 0);
    // Positions and chat of a whole team: before everything else in the class that group frames have for them.
    const precedence = Precedence.immediate;
    this.#context.core.sendIpGroup(nowUs, trafficClass as TrafficClass, precedence, this.#out, 0, written);
    this.#count("groupToMesh");
    this.#context.touch();
  }

  #isCarried(octets: Uint8Array): boolean {
    const { family, destinationOffset: at } = this.#header;
    if (family === 6) return false;
    return this.#groups.has(ipv4Number(octets, at));
  }

  /** Takes what a call repeats out of the packet in #out. */
  #shorten(length: number, to: number): number {
    if (length > CALL_MAX_OCTETS) return length;
    this.#scratch.set(this.#out.subarray(0, length));
    return this.#toCalls.compress(this.#scratch, 0, length, to, this.#out, 0);
  }

  /** Writes an IP packet that came from a node to #in; returns its length, 0 if there is none. */
  #restore(octets: Uint8Array, from: number, to: number): number {
    if (!FlowDecompressor.reads(octets[0] ?? 0)) return decompressIp(octets, 0, octets.length, from, to, this.#in, 0);
    const length = this.#fromCalls.decompress(octets, 0, octets.length, from, this.#scratch, 0);
    if (length === 0) this.#count("dropUnknownCall");
    return decompressIp(this.#scratch, 0, length, from, to, this.#in, 0);
  }

  /** Tells the sender, a few times a second at most, so that it need not wait for its own patience to end. */
  #unreachable(octets: Uint8Array): void {
    const nowUs = this.#context.nowUs();
    if (nowUs - this.#answersAtUs >= 1_000_000) {
      this.#answersAtUs = nowUs;
      this.#answersLeft = ANSWERS_PER_S;
    }
    if (this.#answersLeft === 0) return this.#count("unreachableSuppressed");
    const length = encodeUnreachable(octets, this.#header, this.#answer);
    if (length === 0) return;
    this.#answersLeft--;
    this.#count("unreachableSent");
    this.#tun?.write(this.#answer, 0, length);
  }

  #count(what: keyof typeof COUNTERS): void {
    this.#counters[what]++;
  }
}

function toRule({ ports, dscp, protocol, class: name, precedence, critical }: IpConfig["classes"][number]): IpRule {
  const [first, last] = (ports === undefined ? undefined : parsePorts(ports)) ?? [-1, -1];
  const rule = { first, last, protocol: PROTOCOL[protocol], trafficClass: TrafficClass[name], critical };
  return { ...rule, precedence: Precedence[precedence], ...(dscp === undefined ? {} : { dscp }) };
}

/** Of IPv6 fe80::/10 and groups of the link's scope, of IPv4 169.254.0.0/16 and 224.0.0.x. */
function isLinkLocal(octets: Uint8Array, at: number, family: 4 | 6): boolean {
  const first = octets[at] as number;
  const second = octets[at + 1] as number;
  if (family === 6) return (first === 0xfe && second >>> 6 === 2) || (first === 0xff && (second & 15) <= 2);
  return (first === 169 && second === 254) || (first === 224 && second === 0 && octets[at + 2] === 0);
}

function numberOf(group: string): number {
  return ipv4Number(Uint8Array.from(group.split("."), Number), 0);
}

function ipv4Number(octets: Uint8Array, at: number): number {
  const [a, b, c, d] = [octets[at], octets[at + 1], octets[at + 2], octets[at + 3]] as [number, number, number, number];
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
}
