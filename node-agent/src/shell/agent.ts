import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type IpPrefix, parseIpPrefix } from "@skein/codecs";
import { type Bearer, type BearerCounters, kernelCallsMissing, optimiseLittle, useHostCopy } from "@skein/radio-hal";
import type { AgentStatus, LogEvent, WhatIf } from "../api/types.ts";
import { addressOf, addressTextOf, type LoadedConfig } from "../config/load.ts";
import { addressText } from "../config/schema.ts";
import {
  type Acquaintance,
  type CoreOptions,
  type CoreStatus,
  type MeshCore,
  type NodeEvent,
  Role,
  type RouteExplanation,
} from "../core/api.ts";
import { createCore } from "../core/index.ts";
import { findCodec2 } from "../media/codec2.ts";
import { type MediaHost, startMedia } from "../media/media-host.ts";
import type { FromMedia, ToMedia } from "../media/protocol.ts";
import { Battery } from "../services/battery.ts";
import type { ServiceContext } from "../services/context.ts";
import { DataUsage } from "../services/data-usage.ts";
import { EventLog } from "../services/event-log.ts";
import { GpsdSource } from "../services/gpsd-source.ts";
import type { IpGateway } from "../services/ip-gateway.ts";
import { type Journal, noJournal, openJournal } from "../services/journal.ts";
import { NmeaSource } from "../services/nmea-source.ts";
import { OwnAddress } from "../services/own-address.ts";
import { type ControllerKey, PolicyService } from "../services/policy-service.ts";
import { PositionService } from "../services/position-service.ts";
import { FixedSource, type PositionSource } from "../services/position-source.ts";
import { SosService } from "../services/sos-service.ts";
import type { SplitTcp } from "../services/split-tcp.ts";
import { TakGateway } from "../services/tak-gateway.ts";
import { TextService } from "../services/text-service.ts";
import { VideoService } from "../services/video-service.ts";
import { VoiceService } from "../services/voice-service.ts";
import { type ApiServer, splitHostPort, startApiServer } from "./api-server.ts";
import { createBearer, describeBearer } from "./bearers.ts";
import { monotonicUs } from "./clock.ts";
import { runCommand } from "./commands.ts";
import { LinkStateKeeper, missionMark } from "./link-state-keeper.ts";
import type { Log } from "./log.ts";
import { MeshLoop } from "./mesh-loop.ts";
import { PathHistory } from "./path-history.ts";
import { createPolicyGate, fingerprint } from "./policy-key.ts";
import { errorMessage } from "./skein-error.ts";
import { createSodiumCrypto } from "./sodium-crypto.ts";
import { createSodiumIdentity } from "./sodium-identity.ts";
import { openStore, type Store } from "./store.ts";
import { whatIf } from "./what-if.ts";

/** The built handset page, where the controller's package lies beside this one. */
const HANDSET_FOLDER = fileURLToPath(new URL("../../../controller/dist/handset", import.meta.url));
const VERSION = (
  JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { version: string }
).version;
/** Packets may wait so long for an answer to what would happen if. */
const WHAT_IF_US = 20_000;
/** Names and roles of members are asked for at most this often, microseconds. */
const MEMBERS_FRESH_US = 2_000_000;

/** A node at work. */
export interface RunningAgent {
  /** HOST:PORT of the local API. */
  readonly api: string;
  readonly address: number;
  readonly bootEpoch: number;
  stop(): Promise<void>;
}

/**
 * Starts an agent: state, core, API, bearers, services, media, in this order. The first hello leaves before the media
 * process is started. `onAddressChanged`: it has another address from its next start on, which is to be now.
 * @throws SkeinError with the code of what cannot work (`state-in-use`, `port-in-use`, ...); nothing is left open.
 */
export async function startAgent(
  configured: LoadedConfig,
  ownLog: Log,
  onAddressChanged: () => void,
): Promise<RunningAgent> {
  useHostCopy();
  optimiseLittle();
  const store = openStore(configured.config.state);
  const loaded = { ...configured, address: store.address(configured.address) };
  const log = ownLog.of(addressTextOf(loaded.address));
  let agent: Agent | undefined;
  try {
    const crypto = await createSodiumCrypto(loaded.missionKey);
    const key = await controllerKeyOf(loaded);
    const linkState = store.linkState(missionMark(loaded.missionKey), Date.now());
    const options: CoreOptions = {
      address: loaded.address,
      nodeId: loaded.config.node.id,
      nameUtf8: new TextEncoder().encode(loaded.config.node.name),
      role: Role[loaded.config.node.role],
      // Unlike the nonce, what the seed decides (jitter, first sequence numbers) need not be secret, only different.
      seed: (store.bootEpoch ^ loaded.config.node.id) >>> 0,
      bootEpoch: store.bootEpoch,
      crypto,
      identity: await createSodiumIdentity(store.privateKey),
      peerKeys: store.peerKeys(),
      acquaintances: loaded.config.bearers.flatMap(({ name }, bearerId) =>
        store.acquaintances(name).map((acquaintance) => ({ ...acquaintance, bearerId })),
      ),
      bearers: loaded.config.bearers.map((bearer, id) => describeBearer(id, bearer)),
      groups: loaded.config.voice.groups,
      bridgedGroups: loaded.config.voice.bridge,
      groupsAcross: loaded.config.voice.across,
      narrowVoice: findCodec2() !== undefined,
      acknowledgesSos: loaded.config.sos.acknowledge,
      prefixes: (loaded.config.ip?.prefixes ?? []).map((text) => parseIpPrefix(text) as IpPrefix),
      ...(linkState === undefined ? {} : { linkState }),
      ...(key === undefined ? {} : { policyGate: key.gate }),
    };
    agent = new Agent(loaded, log, store, createCore(options, monotonicUs()), options.narrowVoice, key);
    agent.addresses.onChanged = onAddressChanged;
    await agent.start();
    return agent;
  } catch (error) {
    if (agent === undefined) store.close();
    else await agent.stop();
    throw error;
  }
}

async function controllerKeyOf({ controllerKey }: LoadedConfig): Promise<ControllerKey | undefined> {
  if (controllerKey === undefined) return undefined;
  return { gate: await createPolicyGate(controllerKey), fingerprint: fingerprint(controllerKey) };
}

class Agent implements RunningAgent {
  readonly bootEpoch: number;
  readonly addresses: OwnAddress;
  readonly #loaded: LoadedConfig;
  readonly #log: Log;
  readonly #store: Store;
  readonly #core: MeshCore;
  readonly #events: EventLog;
  readonly #journal: Journal;
  readonly #links: LinkStateKeeper;
  readonly #bearers: readonly Bearer[];
  readonly #loop: MeshLoop;
  readonly #battery: Battery;
  readonly #positions: PositionService;
  readonly #texts: TextService;
  readonly #sos: SosService;
  readonly #voice: VoiceService;
  readonly #video: VideoService;
  readonly #policy: PolicyService;
  readonly #usage: DataUsage;
  readonly #paths: PathHistory;
  readonly #tak: TakGateway | undefined;
  #ip: IpGateway | undefined;
  #split: SplitTcp | undefined;
  /** Packets of groups for a node that has no interface for them. */
  #ipIgnored = 0;
  readonly #startedUs = monotonicUs();
  #api: ApiServer | undefined;
  #media: MediaHost | undefined;
  #mediaReady = 0;
  #members = new Map<number, { name: string; role: Role }>();
  #membersAtUs = Number.NEGATIVE_INFINITY;
  #stopping: Promise<void> | undefined;

  constructor(
    loaded: LoadedConfig,
    log: Log,
    store: Store,
    core: MeshCore,
    narrowVoice: boolean,
    key: ControllerKey | undefined,
  ) {
    const { config, address } = loaded;
    this.#loaded = loaded;
    this.#log = log;
    this.#store = store;
    this.#core = core;
    this.bootEpoch = store.bootEpoch;
    this.#events = new EventLog(log);
    this.#journal = config.journal === undefined ? noJournal : openJournal(config.journal, address);
    this.#links = new LinkStateKeeper(core, store, missionMark(loaded.missionKey));
    this.#bearers = config.bearers.map(createBearer);
    this.#loop = new MeshLoop(core, this.#bearers, {
      event: (event, nowUs) => this.#onEvent(event, nowUs),
      eventsDone: () => store.commit(),
      bearer: (bearer, up, reason) => this.#onBearer(bearer, up, reason),
    });
    const context = this.#context();
    const media = { send: (message: ToMedia) => this.#mediaHost()?.send(message) };
    this.addresses = new OwnAddress(context, addressOf(config.node.address));
    this.#battery = new Battery(config.battery.file);
    this.#positions = new PositionService(context, this.#positionSource(), this.#battery);
    this.#texts = new TextService(context);
    this.#sos = new SosService(context, () => this.#positions.own());
    this.#voice = new VoiceService(context, media, narrowVoice);
    this.#video = new VideoService(context, media);
    this.#policy = new PolicyService(context, key);
    this.#usage = new DataUsage(context);
    this.#policy.onDocument = (document) => this.#usage.rule(document, Date.now());
    this.#paths = new PathHistory(config.bearers.map(({ name }) => name));
    this.#tak = config.tak && new TakGateway(context, config.tak, (member) => this.#memberOf(member));
    if (this.#tak) this.#positions.onPosition = (member, report) => this.#tak?.send(member, report);
    store.onFailure = (error) => {
      const text = `State cannot be written (${errorMessage(error)}): messages do not survive a power cut`;
      this.#events.add("alarm", text);
    };
  }

  get api(): string {
    return this.#api?.address ?? "";
  }

  get address(): number {
    return this.#loaded.address;
  }

  async start(): Promise<void> {
    const { config, address } = this.#loaded;
    // The port first: an agent that cannot serve its people must not be on the air.
    this.#api = await startApiServer(config.api.listen, HANDSET_FOLDER, {
      status: () => this.#status(),
      route: (to) => this.#route(to),
      paths: (atMs, sequence) => this.#paths.since(atMs, sequence),
      whatIf: (query) => this.#whatIf(query),
      everySecond: () => this.#paths.sample(this.#core.bearerStatus(monotonicUs()), Date.now()),
      command: (command, client) => runCommand(this.#targets(), command, client),
      webrtc: (offer) => this.#video.offer(offer),
      pcm: (group, pcm, client) => this.#voice.pcmIn(group, pcm, client),
      gone: (client) => this.#voice.gone(client),
    });
    this.#events.onEvent = (event: LogEvent) => this.#api?.event(event);
    const { id: nodeId, name } = config.node;
    this.#journal.write("start", monotonicUs(), { nodeId, bootEpoch: this.bootEpoch, name, pid: process.pid });
    this.#policy.resume();
    this.#usage.start();
    const slow = config.bearers.some(({ type }) => type === "udp") ? kernelCallsMissing() : "";
    if (slow !== "") this.#log.info("UDP takes a system call for each datagram here", { reason: slow });
    await this.#loop.start();
    await this.#startIp();
    this.#texts.resume();
    this.#sos.resume();
    await this.#battery.start();
    this.#positions.start();
    this.#tak?.start();
    // Whoever listens or carries voice across must not miss the first word; a plain relay needs no codecs at all.
    if (config.voice.groups.length > 0 || config.voice.bridge.length > 0) this.#mediaHost();
    this.#events.add("info", `${name} (${addressTextOf(address)}) is on the air`);
    this.addresses.start();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.addresses.stop();
    this.#positions.stop();
    this.#policy.stop();
    this.#usage.stop();
    this.#battery.stop();
    this.#tak?.stop();
    this.#voice.stopTalking();
    await Promise.all([
      this.#loop.stop(),
      this.#ip?.stop(),
      this.#split?.stop(),
      this.#api?.close(),
      this.#media?.close(),
    ]);
    this.#journal.write("stop", monotonicUs(), {});
    this.#journal.close();
    this.#links.stop();
    this.#store.close();
  }

  /** Loaded only where it is wanted: it brings a native library and a thread. */
  async #startIp(): Promise<void> {
    const { ip } = this.#loaded.config;
    if (ip === undefined) return;
    const [{ IpGateway }, { openTun }] = await Promise.all([
      import("../services/ip-gateway.ts"),
      import("@skein/radio-hal/tun"),
    ]);
    this.#ip = new IpGateway(this.#context(), ip, openTun);
    await this.#ip.start();
    if (ip.splitTcp) await this.#startSplit(ip.tun);
  }

  async #startSplit(tun: string): Promise<void> {
    const [{ SplitTcp }, { openTcpRedirect }] = await Promise.all([
      import("../services/split-tcp.ts"),
      import("@skein/radio-hal/tcp-redirect"),
    ]);
    this.#split = new SplitTcp(this.#context(), tun, this.bootEpoch, openTcpRedirect);
    await this.#split.start();
  }

  #context(): ServiceContext {
    return {
      config: this.#loaded.config,
      address: this.#loaded.address,
      core: this.#core,
      store: this.#store,
      journal: this.#journal,
      log: this.#log,
      nowUs: monotonicUs,
      touch: () => this.#loop.touch(),
      touchNow: () => this.#loop.touchNow(),
      announce: (level, text) => this.#events.add(level, text),
      nameOf: (address) => this.#memberOf(address).name,
    };
  }

  #targets(): Parameters<typeof runCommand>[0] {
    return { texts: this.#texts, sos: this.#sos, voice: this.#voice, video: this.#video, policy: this.#policy };
  }

  /** Where the position comes from: a recording, a gpsd, a fixed place, or nowhere. */
  #positionSource(): PositionSource | undefined {
    const { nmea, gpsd, fixed } = this.#loaded.config.position;
    try {
      if (nmea !== undefined) return new NmeaSource(nmea);
    } catch (error) {
      // The node still carries everybody else's traffic.
      this.#events.add("warn", `No position: ${errorMessage(error)}`);
    }
    if (gpsd !== undefined) {
      const { host, port } = splitHostPort(gpsd);
      return new GpsdSource(host, port);
    }
    return fixed && new FixedSource(fixed.latitude, fixed.longitude, fixed.altitudeM);
  }

  #onEvent(event: NodeEvent, nowUs: number): void {
    switch (event.type) {
      case "voice":
        if (!event.again) this.#paths.onVoice(event, nowUs);
        return this.#voice.onVoice(event, nowUs);
      case "video":
        return this.#video.onVideo(event, nowUs);
      case "video-rate":
        return this.#video.onRate(event, nowUs);
      case "position":
        return this.#positions.onEvent(event, nowUs);
      case "text":
        return this.#texts.onText(event, nowUs);
      case "text-state":
        return this.#texts.onState(event, nowUs);
      case "sos":
        return this.#sos.onSos(event, nowUs);
      case "sos-acknowledged":
        return this.#sos.onAcknowledged(event, nowUs);
      case "policy":
        return this.#policy.onPolicy(event, nowUs);
      case "policy-state":
        return this.#policy.onState(event, nowUs);
      case "cap":
        return this.#usage.onCap(event);
      case "neighbour":
        return this.#onNeighbour(event, nowUs);
      case "path":
        return this.#onPath(event, nowUs);
      case "ip":
        if (this.#ip === undefined) this.#ipIgnored++;
        return this.#ip?.onEvent(event, nowUs);
      case "bulk":
        return this.#split?.onPacket(event, nowUs);
      case "address-conflict":
        return this.addresses.onConflict(event, nowUs);
      case "address-lost":
        return this.addresses.onLost(event, nowUs);
      case "acquaintance":
        return this.#onAcquaintance(event.acquaintance);
      case "peer-key":
        return this.#store.savePeerKey(event.nodeId, event.publicKey);
      case "key-conflict":
        return this.#onKeyConflict(event, nowUs);
      case "newcomers":
        return this.#positions.onNewcomers();
      case "routes":
        this.#links.onRoutes();
        this.#ip?.onRoutes();
        this.#split?.onRoutes();
        return this.#log.debug("routes changed", { version: event.version });
    }
  }

  #onAcquaintance({ bearerId, ...acquaintance }: Acquaintance): void {
    const bearer = this.#loaded.config.bearers[bearerId];
    if (bearer !== undefined) this.#store.saveAcquaintance(bearer.name, acquaintance);
  }

  #onKeyConflict({ address, nodeId }: Extract<NodeEvent, { type: "key-conflict" }>, nowUs: number): void {
    this.#journal.write("key-conflict", nowUs, { address, nodeId });
    const who = `Somebody at ${addressTextOf(address)} says to be node ${nodeId} and has not got its key`;
    this.#events.add("alarm", `${who}: if that device was replaced or lost its state, give it a new node id`);
  }

  #onNeighbour(event: Extract<NodeEvent, { type: "neighbour" }>, nowUs: number): void {
    const { bearerId, address, up, reason } = event;
    const bearer = this.#loaded.config.bearers[bearerId]?.name ?? "";
    this.#journal.write("neighbour", nowUs, { bearer, address, up, reason });
    this.#paths.onEvent(event, Date.now());
    this.#split?.onRoutes();
    const what = `Link to ${this.#memberOf(address).name} over ${bearer}`;
    if (up) this.#events.add("info", `${what} is up`);
    else this.#events.add("warn", `${what} is down: ${reason}`);
  }

  #onPath(event: Extract<NodeEvent, { type: "path" }>, nowUs: number): void {
    const { bearerId, address, change, reason, silentMs } = event;
    const bearer = this.#loaded.config.bearers[bearerId]?.name ?? "";
    this.#journal.write("path", nowUs, { bearer, address, change, reason, silentMs });
    this.#paths.onEvent(event, Date.now());
    this.#split?.onRoutes();
  }

  #onBearer(bearer: Bearer, up: boolean, reason: string): void {
    const { name } = bearer.info;
    this.#journal.write("bearer", monotonicUs(), { bearer: name, up, reason });
    if (up) this.#events.add("info", `Bearer ${name} works`);
    else this.#events.add("warn", `Bearer ${name} does not work: ${reason}`);
  }

  #onMedia(message: FromMedia): void {
    switch (message.type) {
      case "voice-out":
        return this.#voice.onVoiceOut(message);
      case "voice-sent":
        return this.#voice.onVoiceSent(message);
      case "voice-played":
        return this.#voice.onVoicePlayed(message);
      case "pcm-out":
        return this.#api?.pcm(message.group, message.talker, message.pcm);
      case "video-out":
        return this.#video.onVideoOut(message);
      case "video-frame":
        return this.#video.onVideoFrame(message);
      case "webrtc-answer":
        return this.#video.onAnswer(message);
      case "webrtc-failed":
        return this.#video.onFailed(message);
      case "source-failed":
        return message.source === "talk"
          ? this.#voice.onSourceFailed(message.reason)
          : this.#video.onSourceFailed(message.reason);
      case "counters":
        return this.#voice.onCounters(message.counters);
      case "ready":
        return this.#onMediaReady(message.opus, message.codec2);
      case "video-need-key":
        return this.#video.onNeedKey(message);
    }
  }

  /** The media process, started when it is first needed; undefined once the agent stops. */
  #mediaHost(): MediaHost | undefined {
    if (this.#stopping === undefined) this.#media ??= startMedia((message) => this.#onMedia(message));
    return this.#media;
  }

  #onMediaReady(opus: boolean, codec2: boolean): void {
    this.#log.debug("media process ready", { opus, codec2 });
    if (this.#mediaReady++ === 0) return;
    this.#events.add("warn", "The media process had stopped and was started again");
    this.#voice.onMediaRestart();
    this.#video.onMediaRestart();
  }

  #memberOf(address: number): { name: string; role: Role } {
    const nowUs = monotonicUs();
    if (!this.#members.has(address) && nowUs - this.#membersAtUs > MEMBERS_FRESH_US) this.#readMembers(nowUs);
    return this.#members.get(address) ?? { name: addressTextOf(address), role: Role.terminal };
  }

  #readMembers(nowUs: number): void {
    this.#membersAtUs = nowUs;
    this.#keepMembers(this.#core.status(nowUs));
  }

  #keepMembers(status: CoreStatus): void {
    for (const { address, name, role } of status.nodes) if (name !== "") this.#members.set(address, { name, role });
    const { node } = this.#loaded.config;
    this.#members.set(this.#loaded.address, { name: node.name, role: Role[node.role] });
  }

  #status(): AgentStatus {
    const nowUs = monotonicUs();
    const core = this.#core.status(nowUs);
    this.#keepMembers(core);
    return {
      name: this.#loaded.config.node.name,
      version: VERSION,
      core,
      positions: this.#positions.status(nowUs),
      texts: this.#texts.records(),
      sos: this.#sos.records(),
      voice: this.#voice.status(nowUs),
      video: this.#video.status(nowUs),
      paths: this.#pathStatus(core, nowUs),
      battery: { percent: Number.isNaN(this.#battery.percent) ? null : this.#battery.percent },
      policy: this.#policy.status,
      uptimeMs: Math.round((nowUs - this.#startedUs) / 1000),
      recentEvents: this.#events.recent(),
      counters: this.#counters(),
    };
  }

  #pathStatus({ neighbours }: CoreStatus, nowUs: number): AgentStatus["paths"] {
    const addresses = [...new Set(neighbours.map(({ address }) => address))];
    const paths = addresses.map((address) => ({ address, paths: this.#core.paths(nowUs, address) }));
    return paths.filter((one) => one.paths.length > 0);
  }

  #whatIf(query: URLSearchParams): WhatIf | undefined {
    const nowUs = monotonicUs();
    const bearerId = this.#loaded.config.bearers.findIndex(({ name }) => name === query.get("bearer"));
    const link = /^(\d+)-(\d+)$/.exec(query.get("link") ?? "");
    const bearer = this.#loaded.config.bearers[bearerId];
    const loss = bearer
      ? { bearerId, kind: describeBearer(bearerId, bearer).kind }
      : link && { from: Number(link[1]), to: Number(link[2]) };
    if (!loss) return undefined;
    const explain = (to: number): RouteExplanation => this.#core.explainRoute(nowUs, to);
    return whatIf(this.#core.status(nowUs), loss, explain, () => monotonicUs() - nowUs < WHAT_IF_US);
  }

  #route(to: string): RouteExplanation | undefined {
    const nowUs = monotonicUs();
    const { nodes } = this.#core.status(nowUs);
    const node = nodes.find(({ name, address }) => name === to || addressTextOf(address) === to);
    // Who is in another area is known there only.
    const address = node?.address ?? (addressText.safeParse(to).success ? addressOf(to) : 0);
    const isHere = address >>> 8 === this.#loaded.address >>> 8;
    const isKnown = node !== undefined || (address !== 0 && (!isHere || this.#core.isReachable(address)));
    return isKnown ? this.#core.explainRoute(nowUs, address) : undefined;
  }

  /** Counters of everything around the core; what a bearer dropped has the reason in its name. */
  #counters(): Record<string, Record<string, number>> {
    const counters: Record<string, Record<string, number>> = { video: { "dropped-out": this.#video.dropped } };
    if (this.#api) counters["api"] = { ...this.#api.counters };
    if (this.#tak) counters["tak"] = { ...this.#tak.counters };
    counters["ip"] = this.#ip?.counters ?? { ignored: this.#ipIgnored };
    if (this.#split) counters["split"] = this.#split.counters;
    if (this.#media) counters["media"] = { restarts: this.#media.restarts, dropped: this.#media.dropped };
    counters["position"] = { ...this.#positions.counters };
    for (const bearer of this.#bearers) counters[`bearer ${bearer.info.name}`] = flatten(bearer.counters);
    return counters;
  }
}

function flatten(counters: BearerCounters): Record<string, number> {
  const { dropsSent, dropsReceived, ...flat } = counters;
  const named = (way: string, drops: Record<string, number>) =>
    Object.entries(drops).map(([reason, count]) => [`${way}-${reason}`, count] as const);
  return {
    ...flat,
    ...Object.fromEntries([...named("drop-sent", dropsSent), ...named("drop-received", dropsReceived)]),
  };
}
