import {
  type DataHeader,
  FrameKind,
  type IpFamily,
  type IpPrefix,
  isGroupKind,
  isKeyPacket,
  POLICY_STATE_OCTETS,
} from "@skein/codecs";
import { Acquaintances } from "./acquaintances.ts";
import { Adjacency } from "./adjacency.ts";
import {
  type Address,
  type BearerStatus,
  type CoreOptions,
  type CoreRules,
  type CoreStatus,
  DISJOINT,
  GROUP_DESTINATION,
  MAX_VIDEO_OCTETS,
  type MeshCore,
  type NodeEvent,
  type PathStatus,
  type PositionReport,
  Precedence,
  ROUTED,
  type RouteExplanation,
  type StreamPath,
  TrafficClass,
  type TransmitSlot,
  type VoiceCodec,
} from "./api.ts";
import { AreaRoutes } from "./area-routes.ts";
import { AwaitingKey } from "./awaiting-key.ts";
import { noteCarrier } from "./control-share.ts";
import { DatabasePulls } from "./database-pulls.ts";
import { EarlierBoots } from "./earlier-boots.ts";
import { EndToEnd } from "./end-to-end.ts";
import { Forwarding } from "./forwarding.ts";
import { GroupRelay } from "./group-relay.ts";
import { Hellos } from "./hellos.ts";
import { HopArq } from "./hop-arq.ts";
import { readLinkState, writeLinkState } from "./kept-link-state.ts";
import { KeyAnswers } from "./key-answers.ts";
import { KeyExchange } from "./key-exchange.ts";
import { LinkAdvertising } from "./link-advertising.ts";
import { LinkStateFlooding } from "./link-state-flooding.ts";
import { Links } from "./links.ts";
import { Merging } from "./merge/merging.ts";
import { Newcomers } from "./newcomers.ts";
import { Overhearing } from "./overhearing.ts";
import type { Deliver } from "./packet-intake.ts";
import { PathFrames } from "./path-frames.ts";
import { PeerKeys } from "./peer-keys.ts";
import type { Port } from "./port.ts";
import { Receiver } from "./receiver.ts";
import { Rerouting } from "./reroute.ts";
import { noticeLevel, putInForce } from "./rules-in-force.ts";
import { Outbox } from "./service/outbox.ts";
import { isPolicy, PolicyService } from "./service/policy-service.ts";
import { PositionService } from "./service/position-service.ts";
import { SosService } from "./service/sos-service.ts";
import { TextService } from "./service/text-service.ts";
import { VoiceService } from "./service/voice-service.ts";
import { Snapshots } from "./snapshots.ts";
import { type CoreState, createState, emit } from "./state.ts";
import { readBearer, readExplanation, readStatus } from "./status.ts";
import { readStreamPaths } from "./stream-paths.ts";
import { Transmitter } from "./transmitter.ts";
import { giveFirstTurn } from "./turn-order.ts";
import { channelQuiet, sentOver, weighHiddenTalk } from "./turn-taking.ts";

/** Makes a node. All bearers are down until `handleBearer` says otherwise. */
export function createCore(options: CoreOptions, nowUs: number): MeshCore {
  return new Core(options, nowUs);
}

/** Puts the parts together and gives each call to the one it concerns; holds no state of its own but the queue of events. */
class Core implements MeshCore {
  readonly #s: CoreState;
  readonly #flooding: LinkStateFlooding;
  readonly #areas: AreaRoutes;
  readonly #hellos: Hellos;
  readonly #adjacency: Adjacency;
  readonly #links: Links;
  readonly #advertising: LinkAdvertising;
  readonly #arq: HopArq;
  readonly #forwarding: Forwarding;
  readonly #relay: GroupRelay;
  readonly #receiver: Receiver;
  readonly #transmitter: Transmitter;
  readonly #outbox: Outbox;
  readonly #texts: TextService;
  readonly #positions: PositionService;
  readonly #sos: SosService;
  readonly #voice: VoiceService;
  readonly #policy: PolicyService;
  readonly #overhearing: Overhearing;
  readonly #merging: Merging;
  readonly #exchange: KeyExchange;
  readonly #snapshots: Snapshots;
  readonly #awaiting: AwaitingKey;
  readonly #pathFrames: PathFrames;
  readonly #newcomers: Newcomers;
  #nextEvent = 0;

  constructor(options: CoreOptions, nowUs: number) {
    const s = createState(options);
    this.#s = s;
    const flooding = new LinkStateFlooding(s, nowUs);
    if (options.linkState !== undefined) readLinkState(s, options.linkState, nowUs);
    const pulls = new DatabasePulls(s, flooding);
    const areas = new AreaRoutes(s, flooding);
    const hellos = new Hellos(s, areas);
    const merging = new Merging(s);
    const advertising = new LinkAdvertising(s, flooding, areas);
    const acquaintances = new Acquaintances(s);
    const links = new Links(s, { areas, hellos, merging, advertising });
    const adjacency = new Adjacency(s, { pulls, areas, hellos, merging, links, advertising, acquaintances });
    const forwarding = new Forwarding(s, merging);
    const overhearing = new Overhearing(s, forwarding);
    const arq = new HopArq(s, links, overhearing, merging);
    const relay = new GroupRelay(s, forwarding);
    const snapshots = new Snapshots(s, links, forwarding);
    const keys = new PeerKeys(s);
    const exchange = new KeyExchange(s, keys, forwarding);
    const keyAnswers = new KeyAnswers(s);
    const awaiting = new AwaitingKey(s);
    const endToEnd = new EndToEnd(s, keys, exchange);
    this.#exchange = exchange;
    this.#snapshots = snapshots;
    this.#awaiting = awaiting;
    this.#flooding = flooding;
    this.#areas = areas;
    this.#hellos = hellos;
    this.#adjacency = adjacency;
    this.#links = links;
    this.#advertising = advertising;
    this.#arq = arq;
    this.#forwarding = forwarding;
    this.#relay = relay;
    this.#overhearing = overhearing;
    const pathFrames = new PathFrames(s);
    this.#pathFrames = pathFrames;
    this.#merging = merging;
    this.#receiver = new Receiver(
      s,
      {
        hellos,
        adjacency,
        links,
        flooding,
        pulls,
        arq,
        forwarding,
        relay,
        snapshots,
        overhearing,
        merging,
        endToEnd,
        keyAnswers,
        pathFrames,
        acquaintances,
      },
      this.#deliver,
    );
    this.#transmitter = new Transmitter(s, {
      hellos,
      flooding,
      pulls,
      arq,
      snapshots,
      merging,
      keyAnswers,
      endToEnd,
      relay,
    });
    this.#outbox = new Outbox(s, { forwarding, relay, endToEnd, awaiting });
    const newcomers = new Newcomers(s);
    this.#newcomers = newcomers;
    this.#texts = new TextService(s, this.#outbox, forwarding, newcomers);
    this.#positions = new PositionService(s, this.#outbox);
    this.#sos = new SosService(s, this.#outbox, relay);
    this.#voice = new VoiceService(s, this.#outbox, forwarding, nowUs);
    this.#policy = new PolicyService(s, this.#outbox);
    exchange.onSend = (atUs, to, octets, length) => this.#outbox.key(atUs, to, octets, length);
    exchange.onQuestion = (atUs, to) => keyAnswers.asked(atUs, to);
    exchange.onSession = (atUs, address) => {
      this.#awaiting.release(atUs, address);
      this.#texts.hurry(atUs, address, true);
    };
    awaiting.isReady = (atUs, to) => endToEnd.isReady(atUs, to);
    newcomers.onCome = (atUs) => {
      this.#sos.newcomersCame(atUs);
      this.#texts.newcomersCame(atUs);
    };
    newcomers.onGone = (local, heardUs) => this.#texts.nodeGone(local, heardUs);
    areas.onTold = (atUs) => hellos.tellForeign(atUs);
    areas.onDoubt = (atUs, port, n) => links.suspect(atUs, port, n, "on the way to who is said to be in another part");
    flooding.onRoutes = (atUs) => {
      areas.databaseChanged(atUs);
      hellos.databaseChanged(atUs);
      newcomers.databaseChanged(atUs);
      if (!s.hearsay.isEmpty) s.hearsay.forgetReached(s.paths.from(s.local, TrafficClass.command));
    };
    flooding.onAdvertisement = (atUs, before, after, hearsay) => {
      adjacency.advertisementChanged(atUs, before, after, hearsay);
      if (before !== undefined && after.bootEpoch > before.bootEpoch)
        newcomers.restarted(atUs, after.originator & 0xff);
      if (before?.publicKey !== undefined || after.publicKey === undefined) return;
      keyAnswers.learned(atUs, after.originator & 0xff);
      awaiting.hurry(atUs);
      this.#texts.hurry(atUs, after.originator, false);
    };
    flooding.onOwn = (atUs, port) => this.#advertising.announce(atUs, port);
    flooding.onHeard = (atUs, port, local) => {
      const asker = keyAnswers.said(atUs, port, local);
      if (asker !== 0) giveFirstTurn(port, asker, atUs);
    };
    adjacency.onClaimed = (atUs, port, local) => flooding.queueFull(atUs, port, local, true);
    adjacency.onStranger = (atUs, port, n) => snapshots.meet(atUs, port, n);
    pulls.onBeginner = (atUs, port, n) => snapshots.meet(atUs, port, n);
    const earlierBoots = new EarlierBoots(s, forwarding.custody);
    const rerouting = new Rerouting(s, { forwarding, merging, endToEnd, earlierBoots });
    s.duplicates.onRestart = (atUs, source) => earlierBoots.restarted(atUs, source);
    relay.onPassedOn = ({ precedence }) => {
      if (precedence === Precedence.flash) this.#sos.passedOn();
    };
    relay.echoes.onGone = (atUs, port, n) => links.fail(atUs, port, n);
    arq.onSentOver = (atUs, port) => this.#spoiled(atUs, port);
    arq.onUnanswered = (atUs, port, ring, index) => rerouting.again(atUs, port, ring, index);
    links.onLost = (atUs, port, n, lost) => rerouting.away(atUs, port, n, lost);
    merging.onSuspicion = (atUs, port, n) => links.suspect(atUs, port, n, "missed at the other end");
    adjacency.onPolicy = (atUs, n, mark) => this.#policy.heard(atUs, n, mark);
    links.onUp = (atUs, port, n) => {
      this.#sos.linkUp(atUs, port, n);
      this.#policy.offer(atUs, port, n);
      endToEnd.linkUp(atUs, n);
      forwarding.custody.linksChanged(atUs);
      relay.company.linkUp(atUs);
    };
  }

  // I/O

  handleFrame(nowUs: number, bearerId: number, endpoint: number, octets: Uint8Array, length: number): void {
    this.#s.counters.receiveOn(bearerId);
    this.#receiver.handleFrame(nowUs, this.#port(bearerId), endpoint, octets, length);
    this.#s.counters.receiveOn();
  }

  handleTimeout(nowUs: number): void {
    if (this.#flooding.dueUs <= nowUs) this.#flooding.handleTimeout(nowUs);
    if (this.#overhearing.dueUs <= nowUs) this.#overhearing.handleTimeout(nowUs);
    if (this.#merging.dueUs <= nowUs) this.#merging.handleTimeout(nowUs);
    if (this.#merging.video.dueUs <= nowUs) this.#merging.video.handleTimeout(nowUs);
    if (this.#relay.dueUs <= nowUs) this.#relay.handleTimeout(nowUs);
    if (this.#forwarding.custody.dueUs <= nowUs) this.#forwarding.custody.handleTimeout(nowUs);
    if (this.#newcomers.dueUs <= nowUs) this.#newcomers.handleTimeout(nowUs);
    if (this.#areas.dueUs <= nowUs) this.#areas.handleTimeout(nowUs);
    if (this.#texts.dueUs <= nowUs) this.#texts.handleTimeout(nowUs);
    if (this.#voice.dueUs <= nowUs) this.#voice.handleTimeout(nowUs);
    if (this.#sos.dueUs <= nowUs) this.#sos.handleTimeout(nowUs);
    if (this.#policy.dueUs <= nowUs) this.#policy.handleTimeout(nowUs);
    if (this.#awaiting.dueUs <= nowUs) this.#awaiting.handleTimeout(nowUs);
    // By index: this is asked for every frame, and an iterator is an object.
    for (let i = 0; i < this.#s.ports.length; i++) {
      const port = this.#s.ports[i] as Port;
      if (port.rules.level !== port.rules.toldLevel && noticeLevel(this.#s, port)) this.#tellRules(nowUs, port);
      if (!port.up) continue;
      if (port.rtoDueUs <= nowUs) this.#arq.handleTimeout(nowUs, port);
      if (port.expiryDueUs <= nowUs) this.#links.expire(nowUs, port);
      if (port.probeDueUs <= nowUs) this.#links.probe(nowUs, port);
      if (Math.min(port.pendingDueUs, port.awaitedDueUs) <= nowUs) this.#advertising.handleTimeout(nowUs, port);
    }
  }

  nextTimeoutUs(): number {
    if (this.#nextEvent < this.#s.events.length) return 0;
    let next = Math.min(
      this.#flooding.dueUs,
      this.#areas.dueUs,
      this.#newcomers.dueUs,
      this.#relay.dueUs,
      this.#overhearing.dueUs,
      this.#merging.dueUs,
      this.#merging.video.dueUs,
      this.#texts.dueUs,
      this.#voice.dueUs,
      this.#sos.dueUs,
      this.#policy.dueUs,
      this.#awaiting.dueUs,
      this.#forwarding.custody.dueUs,
    );
    for (let i = 0; i < this.#s.ports.length; i++) {
      const port = this.#s.ports[i] as Port;
      if (port.rules.level !== port.rules.toldLevel) return 0;
      if (!port.up) continue;
      next = Math.min(
        next,
        port.rtoDueUs,
        port.expiryDueUs,
        port.probeDueUs,
        port.pendingDueUs,
        port.awaitedDueUs,
        this.#transmitter.nextUs(port),
      );
    }
    return next;
  }

  pollTransmit(nowUs: number, slot: TransmitSlot): boolean {
    return this.#transmitter.poll(nowUs, slot);
  }

  pollEvent(): NodeEvent | undefined {
    const events = this.#s.events;
    if (this.#nextEvent < events.length) return events[this.#nextEvent++];
    if (this.#nextEvent > 0) {
      events.length = 0;
      this.#nextEvent = 0;
      this.#s.passingSlab.reuse();
    }
    return undefined;
  }

  handleBearer(nowUs: number, bearerId: number, up: boolean): void {
    this.#adjacency.handleBearer(nowUs, this.#port(bearerId), up);
  }

  handleStation(nowUs: number, bearerId: number, endpoint: number, up: boolean): void {
    this.#adjacency.handleStation(nowUs, this.#port(bearerId), endpoint, up);
  }

  handleCarrier(nowUs: number, bearerId: number, busy: boolean): void {
    const port = this.#port(bearerId);
    if (port.narrow && busy !== port.carrierBusy) noteCarrier(port, nowUs, busy, this.#s.random);
    if (busy && !port.carrierBusy) port.quietBeforeUs = nowUs - port.quietSinceUs;
    if (!busy && port.carrierBusy && sentOver(port, nowUs)) this.#spoiled(nowUs, port);
    if (!busy && port.carrierBusy) weighHiddenTalk(port, nowUs);
    port.carrierBusy = busy;
    if (!busy) channelQuiet(port, nowUs, this.#s.random);
  }

  /** What was just sent was sent over somebody else. */
  #spoiled(nowUs: number, port: Port): void {
    this.#hellos.spoiled(nowUs, port);
    this.#snapshots.spoiled(nowUs, port);
    this.#transmitter.spoiled(port);
  }

  #port(bearerId: number): Port {
    const port = this.#s.ports[bearerId];
    if (port === undefined) throw new RangeError(`no bearer ${bearerId}`);
    return port;
  }

  // Services

  sendText(nowUs: number, to: number, bodyUtf8: Uint8Array, messageId?: number): number {
    return this.#texts.send(nowUs, to, bodyUtf8, messageId);
  }

  keepText(nowUs: number, to: number, bodyUtf8: Uint8Array, messageId: number, ageUs: number): void {
    this.#texts.keep(nowUs, to, bodyUtf8, messageId, ageUs);
  }

  rememberText(from: Address, messageId: number): void {
    this.#texts.remember(from, messageId);
  }

  reportPosition(nowUs: number, report: PositionReport): number {
    return this.#positions.report(nowUs, report);
  }

  raiseSos(nowUs: number, kind: number, report: PositionReport): number {
    return this.#sos.raise(nowUs, kind, report);
  }

  sendVoice(
    nowUs: number,
    group: number,
    burst: number,
    codec: VoiceCodec,
    timestamp20ms: number,
    payload: Uint8Array,
  ): void {
    this.#voice.send(nowUs, this.#s.options.address, group, burst, codec, timestamp20ms, payload);
  }

  sendBridgedVoice(
    nowUs: number,
    talker: Address,
    group: number,
    burst: number,
    codec: VoiceCodec,
    timestamp20ms: number,
    payload: Uint8Array,
  ): void {
    this.#voice.send(nowUs, talker, group, burst, codec, timestamp20ms, payload);
  }

  sendVideo(nowUs: number, to: Address, stream: number, octets: Uint8Array): void {
    if (octets.length > MAX_VIDEO_OCTETS) {
      this.#s.counters.drop("too-long");
      return;
    }
    this.#outbox.payload[0] = stream;
    this.#outbox.payload.set(octets, 1);
    this.#outbox.unicast(nowUs, to, TrafficClass.video, Precedence.routine, octets.length + 1);
  }

  sendIp(
    nowUs: number,
    to: Address,
    trafficClass: TrafficClass,
    precedence: Precedence,
    critical: boolean,
    octets: Uint8Array,
    from: number,
    length: number,
  ): boolean {
    if (!this.#outbox.load(octets, from, length)) return false;
    return this.#outbox.datagram(nowUs, to, trafficClass, precedence, length, critical);
  }

  sendIpGroup(
    nowUs: number,
    trafficClass: TrafficClass,
    precedence: Precedence,
    octets: Uint8Array,
    from: number,
    length: number,
  ): void {
    if (!this.#outbox.load(octets, from, length)) return;
    const heavy = trafficClass === TrafficClass.voice || trafficClass === TrafficClass.video;
    const free = heavy ? TrafficClass.video : TrafficClass.bulk;
    this.#outbox.group(nowUs, FrameKind.groupAll, 0, free, precedence, length);
  }

  pathsTo(nowUs: number, to: Address): StreamPath[] {
    return readStreamPaths(this.#s, this.#forwarding, nowUs, to, this.#pathFrames.bearersTo(nowUs, to));
  }

  sendOnPath(nowUs: number, to: Address, path: number, octets: Uint8Array, from: number, length: number): boolean {
    if (path >= 0) return this.#pathFrames.send(nowUs, to, this.#port(path), octets, from, length);
    if (!this.#outbox.load(octets, from, length)) return false;
    return this.#outbox.bulk(nowUs, to, length, path === DISJOINT);
  }

  resolveIp(octets: Uint8Array, offset: number, family: IpFamily): Address {
    return this.#s.db.resolveIp(octets, offset, family, this.#distance, this.#reaches);
  }

  foreignPrefixes(): readonly IpPrefix[] {
    return this.#s.db.prefixes.foreign(this.#s.local);
  }

  publishPolicy(nowUs: number, version: number, octets: Uint8Array): void {
    this.#policy.publish(nowUs, version, octets);
  }

  restorePolicy(version: number, octets: Uint8Array): void {
    this.#policy.restore(version, octets);
  }

  sendPolicyState(nowUs: number, to: Address, version: number, ask: boolean): void {
    this.#policy.sendState(nowUs, to, version, ask);
  }

  setRules(nowUs: number, rules: CoreRules): TrafficClass[] {
    const ignored = putInForce(this.#s, rules);
    for (const [id, { costCentsPerMegabyte }] of rules.bearers.entries()) {
      const port = this.#port(id);
      port.costCentsPerMegabyte = costCentsPerMegabyte;
      this.#tellRules(nowUs, port);
    }
    return ignored;
  }

  setUsage(_nowUs: number, bearerId: number, usedOctets: number): void {
    this.#port(bearerId).rules.use(usedOctets);
  }

  /** What a bearer costs, or is open to, has changed. */
  #tellRules(nowUs: number, port: Port): void {
    for (const n of port.neighbours) this.#advertising.refresh(nowUs, port, n);
    // The hello interval may change with the cost: neighbours must know before they take silence for loss.
    this.#hellos.hurry(nowUs, port, 10_000);
  }

  bearerStatus(nowUs: number): BearerStatus[] {
    return this.#s.ports.map((port) => readBearer(port, this.#s.counters, nowUs));
  }

  paths(nowUs: number, to: Address): PathStatus[] {
    return this.#merging.paths(nowUs, to);
  }

  isReachable(to: Address): boolean {
    return this.#forwarding.reachable(to);
  }

  leave(nowUs: number): void {
    this.#flooding.withdraw(nowUs);
  }

  linkState(): Uint8Array {
    return writeLinkState(this.#s);
  }

  status(nowUs: number): CoreStatus {
    return readStatus(this.#s, this.#forwarding, nowUs);
  }

  explainRoute(nowUs: number, to: Address): RouteExplanation {
    return readExplanation(this.#s, this.#forwarding, nowUs, to);
  }

  readonly #distance = (local: number): number =>
    this.#s.paths.from(this.#s.local, TrafficClass.command)[local] as number;

  readonly #reaches = (address: number): boolean => this.#forwarding.reachable(address);

  /**
   * Which service a packet is for follows from its kind, class and precedence, and for commands from its first octet.
   * Groups have no video and no bulk of their own: in those classes they carry IP.
   */
  readonly #deliver: Deliver = (nowUs, header, octets, from, length, port) => {
    if (header.source >>> 8 === this.#s.area) this.#s.db.heard(header.source & 0xff, nowUs);
    else if (header.trafficClass === TrafficClass.command) {
      this.#exchange.heardFrom(nowUs, header.source);
      this.#texts.heardFrom(nowUs, header.source);
    }
    if (length === 0 || !this.#dispatch(nowUs, header, octets, from, length, port))
      this.#s.counters.drop("malformed-body");
  };

  #dispatch(nowUs: number, header: DataHeader, octets: Uint8Array, from: number, length: number, port: Port): boolean {
    const { source, trafficClass, precedence } = header;
    const group = isGroupKind(header.kind);
    if (header.kind === FrameKind.datagram || (group && trafficClass >= TrafficClass.video)) {
      const to = group ? 0 : header.destination;
      emit(this.#s, { type: "ip", from: source, to, octets: this.#s.passingSlab.copyOf(octets, from, from + length) });
      return true;
    }
    if (trafficClass === TrafficClass.voice)
      return group && this.#voice.handle(nowUs, source, header.destination, port, octets, from, length);
    if (trafficClass === TrafficClass.video) {
      emit(this.#s, {
        type: "video",
        from: source,
        stream: octets[from] as number,
        octets: this.#s.slab.copyOf(octets, from + 1, from + length),
      });
      return true;
    }
    if (isKeyPacket(header.kind, trafficClass, precedence))
      return this.#exchange.handle(nowUs, header, octets, from, length);
    if (trafficClass === TrafficClass.bulk) {
      emit(this.#s, {
        type: "bulk",
        from: source,
        bearerId: ROUTED,
        octets: this.#s.slab.copyOf(octets, from, from + length),
      });
      return true;
    }
    if (precedence === Precedence.flash) return this.#sos.handle(nowUs, header, octets, from, length);
    if (precedence === Precedence.priority) {
      return this.#texts.handle(
        nowUs,
        source,
        group ? GROUP_DESTINATION + header.destination : header.destination,
        octets,
        from,
        length,
      );
    }
    if (isPolicy(octets, from, length)) return this.#policy.handle(nowUs, octets, from, length);
    if (length === POLICY_STATE_OCTETS) return this.#policy.handleState(nowUs, source, octets, from, length);
    return this.#positions.handle(nowUs, source, header.sequence & 0xff, octets, from, length);
  }
}
