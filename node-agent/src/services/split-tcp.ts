import { connect, createServer, type Server, type Socket } from "node:net";
import { formatIpAddress } from "@skein/codecs";
import type { Destination, openTcpRedirect, TcpRedirect } from "@skein/radio-hal/tcp-redirect";
import { DISJOINT, type NodeEvent } from "../core/api.ts";
import { type BulkEvent, BulkNode, type BulkSlot, type BulkStream, ResetCode } from "../core/bulk/index.ts";
import { MAX_PAYLOAD_OCTETS } from "../core/limits.ts";
import { errorMessage } from "../shell/skein-error.ts";
import type { ServiceContext } from "./context.ts";

const TRANSMITS_PER_TURN_MAX = 256;
/** A node that has not answered for so long does not split TCP: connections to it are left alone for a while. */
const ANSWER_MS = 5_000;
const LEFT_ALONE_S = 60;
/** Paths are looked at again this often while there are streams. */
const PATHS_US = 1_000_000;

const COUNTERS = {
  toMesh: 0,
  fromMesh: 0,
  octetsToMesh: 0,
  octetsFromMesh: 0,
  /** Connections that came to the port by themselves. */
  dropNotRedirected: 0,
  /** Nobody owns the destination, or this node itself does. */
  dropUnknown: 0,
  /** What a peer wanted to be connected to is not behind this node. */
  dropForeignDestination: 0,
  /** The other node does not split TCP. */
  leftAlone: 0,
};

/** A connection of this machine and the stream that goes on with it. */
interface Splice {
  readonly stream: BulkStream;
  readonly socket: Socket;
}

/**
 * Performance enhancing proxy (RFC 3135): TCP connections end at the node where they enter the mesh, their octets travel
 * as a stream over all paths, and the node at the other end connects to where they were to go. Neither TCP sees the
 * mesh's losses, delays and reordering.
 */
export class SplitTcp {
  readonly #counters = { ...COUNTERS };
  readonly #context: ServiceContext;
  readonly #tun: string;
  readonly #open: typeof openTcpRedirect;
  readonly #node: BulkNode;
  readonly #splices = new Map<BulkStream, Splice>();
  /** Streams of peers that have not said yet where they go. */
  readonly #nameless = new Set<BulkStream>();
  readonly #corked = new Set<Socket>();
  readonly #slot: BulkSlot = { to: 0, path: 0, octets: new Uint8Array(MAX_PAYLOAD_OCTETS), length: 0 };
  readonly #run = (): void => this.#turn();
  /** A late timer must not find silence where the answers wait in the sockets: those are read first. */
  readonly #wake = (): void => void setImmediate(() => this.#kick());
  #servers: Server[] = [];
  #redirect: TcpRedirect | undefined;
  #immediate: NodeJS.Immediate | undefined;
  #timer: NodeJS.Timeout | undefined;
  #pathsAtUs = 0;
  #isStopped = false;

  constructor(context: ServiceContext, tun: string, session: number, open: typeof openTcpRedirect) {
    this.#context = context;
    this.#tun = tun;
    this.#open = open;
    this.#node = new BulkNode(context.address, session);
  }

  get counters(): Record<string, number> {
    return { ...this.#counters, ...this.#node.counters, streams: this.#node.streamCount, ...this.#pathFigures() };
  }

  /** What each path is found to pass, and the queue that is kept there, by peer and bearer. */
  #pathFigures(): Record<string, number> {
    const figures: Record<string, number> = {};
    for (const peer of this.#node.peers()) {
      for (const { hint, rate, isUsable, roundTripUs } of this.#node.sessionTo(peer)?.paths ?? []) {
        const over = hint.path === DISJOINT ? "disjoint" : "routed";
        const name = `${this.#context.nameOf(peer)} ${this.#context.config.bearers[hint.path]?.name ?? over}`;
        figures[`${name} kbit/s`] = isUsable ? Math.round(rate.bps / 1000) : 0;
        figures[`${name} queue ms`] = Math.round(rate.queueUs / 1000);
        figures[`${name} round trip ms`] = Math.round(roundTripUs / 1000);
      }
    }
    return figures;
  }

  /** A node that may not redirect carries its TCP as before, and serves the others' streams all the same. */
  async start(): Promise<void> {
    try {
      const port = await this.#listen();
      this.#redirect = await this.#open(this.#tun, port, (reason) => {
        this.#context.announce("warn", `TCP is not split any more: ${reason}`);
      });
    } catch (error) {
      const remedy = (error as { remedy?: string }).remedy ?? "";
      const hint = remedy === "" ? "" : `: ${remedy}`;
      this.#context.announce("warn", `TCP is not split: ${errorMessage(error)}${hint}`);
      return;
    }
    if (this.#isStopped) return this.stop();
    this.#context.announce("info", `TCP into ${this.#tun} goes over all bearers at once`);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearImmediate(this.#immediate);
    clearTimeout(this.#timer);
    for (const server of this.#servers) server.close();
    for (const { socket } of this.#splices.values()) socket.resetAndDestroy();
    await this.#redirect?.close();
  }

  /** One port for both families: a connection tells where it was to go only on a socket of its own family. */
  async #listen(): Promise<number> {
    const server = await this.#serve({ host: "0.0.0.0", port: 0 });
    const { port } = server.address() as { port: number };
    // Without IPv6 there are no connections over it.
    await this.#serve({ host: "::", port, ipv6Only: true }).catch(() => undefined);
    return port;
  }

  #serve(where: { host: string; port: number; ipv6Only?: boolean }): Promise<Server> {
    return new Promise((resolve, reject) => {
      const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, this.#connection);
      server.once("error", reject);
      server.listen(where, () => {
        this.#servers.push(server);
        resolve(server);
      });
    });
  }

  // From this machine

  readonly #connection = (socket: Socket): void => {
    // Before there is anything to tell it to.
    socket.on("error", () => undefined);
    const destination = this.#redirect?.destinationOf(socket);
    if (destination === undefined) {
      this.#counters.dropNotRedirected++;
      socket.destroy();
      return;
    }
    const { core, address } = this.#context;
    const to = core.resolveIp(destination.address, 0, destination.family);
    if (to === 0 || to === address) {
      this.#counters.dropUnknown++;
      socket.resetAndDestroy();
      return;
    }
    const nowUs = this.#context.nowUs();
    const stream = this.#node.open(nowUs, to);
    if (stream === undefined) {
      socket.resetAndDestroy();
      return;
    }
    this.#counters.toMesh++;
    this.#node.setPaths(nowUs, to, core.pathsTo(nowUs, to));
    this.#node.write(nowUs, stream, encodeDestination(destination));
    this.#splice(stream, socket);
    socket.resume();
    this.#watchAnswer(stream, destination);
    this.#kick();
  };

  #watchAnswer(stream: BulkStream, destination: Destination): void {
    setTimeout(() => {
      if (this.#isStopped || stream.send.isAnswered || !this.#splices.has(stream)) return;
      // While there is no way, nobody can answer.
      if (!this.#context.core.isReachable(stream.peer)) return this.#watchAnswer(stream, destination);
      this.#counters.leftAlone++;
      this.#redirect?.leave(destination, LEFT_ALONE_S);
      this.#cut(stream, ResetCode.unreachable);
    }, ANSWER_MS).unref();
  }

  #splice(stream: BulkStream, socket: Socket): void {
    this.#splices.set(stream, { stream, socket });
    socket.on("data", (octets: Buffer) => {
      this.#counters.octetsToMesh += octets.length;
      if (!this.#node.write(this.#context.nowUs(), stream, octets)) socket.pause();
      this.#kick();
    });
    socket.on("end", () => {
      this.#node.end(this.#context.nowUs(), stream);
      this.#kick();
    });
    socket.on("close", (hadError: boolean) => {
      this.#splices.delete(stream);
      // Both halves have ended, or the other end is to know.
      if (hadError || !socket.readableEnded || !socket.writableFinished) this.#node.reset(stream, ResetCode.aborted);
      this.#kick();
    });
  }

  #cut(stream: BulkStream, code: ResetCode): void {
    this.#node.reset(stream, code);
    this.#splices.get(stream)?.socket.resetAndDestroy();
    this.#nameless.delete(stream);
    this.#kick();
  }

  // From the mesh

  onPacket(event: Extract<NodeEvent, { type: "bulk" }>, nowUs: number): void {
    this.#node.handlePacket(nowUs, event.from, event.bearerId, event.octets);
    this.#kick();
  }

  /** Neighbours, what is thought of them, or routes have changed. */
  onRoutes(): void {
    this.#pathsAtUs = 0;
    this.#kick();
  }

  #onEvent(event: BulkEvent, nowUs: number): void {
    const { stream } = event;
    const socket = this.#splices.get(stream)?.socket;
    switch (event.type) {
      case "opened":
        this.#nameless.add(stream);
        return this.#node.setPaths(nowUs, stream.peer, this.#context.core.pathsTo(nowUs, stream.peer));
      case "octets":
        if (this.#nameless.delete(stream)) return this.#connect(stream, event.octets);
        return this.#deliver(stream, socket, event.octets);
      case "ended":
        if (this.#nameless.delete(stream)) this.#node.reset(stream, ResetCode.aborted);
        socket?.end();
        return;
      case "reset":
        this.#nameless.delete(stream);
        socket?.resetAndDestroy();
        return;
      case "writable":
        socket?.resume();
    }
  }

  /** The first piece of a stream is where it is to go; only what is behind this node is served. */
  #connect(stream: BulkStream, octets: Uint8Array): void {
    this.#node.consumed(stream, octets.length);
    const destination = decodeDestination(octets);
    const { core, address } = this.#context;
    if (destination === undefined || core.resolveIp(destination.address, 0, destination.family) !== address) {
      this.#counters.dropForeignDestination++;
      return this.#node.reset(stream, ResetCode.unreachable);
    }
    this.#counters.fromMesh++;
    const { port, address: host } = destination;
    const socket = connect({ port, host: formatIpAddress(host), allowHalfOpen: true, noDelay: true });
    let isConnected = false;
    socket.once("connect", () => {
      isConnected = true;
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      if (isConnected) return;
      this.#node.reset(stream, error.code === "ECONNREFUSED" ? ResetCode.refused : ResetCode.unreachable);
      this.#kick();
    });
    this.#splice(stream, socket);
  }

  #deliver(stream: BulkStream, socket: Socket | undefined, octets: Uint8Array): void {
    if (socket === undefined) return;
    this.#counters.octetsFromMesh += octets.length;
    if (!this.#corked.has(socket)) {
      socket.cork();
      this.#corked.add(socket);
    }
    socket.write(octets, () => {
      this.#node.consumed(stream, octets.length);
      this.#kick();
    });
  }

  // Paths and time

  #kick(): void {
    if (!this.#isStopped) this.#immediate ??= setImmediate(this.#run);
  }

  #turn(): void {
    this.#immediate = undefined;
    if (this.#isStopped) return;
    const { core } = this.#context;
    const nowUs = this.#context.nowUs();
    const node = this.#node;
    this.#lookAtPaths(nowUs);
    if (node.nextTimeoutUs() <= nowUs) node.handleTimeout(nowUs);
    for (let event = node.pollEvent(); event !== undefined; event = node.pollEvent()) this.#onEvent(event, nowUs);
    for (const socket of this.#corked) socket.uncork();
    this.#corked.clear();
    const slot = this.#slot;
    let sent = 0;
    while (sent < TRANSMITS_PER_TURN_MAX && node.pollTransmit(nowUs, slot)) {
      // What cannot be sent is lost like anything else on a path.
      core.sendOnPath(nowUs, slot.to, slot.path, slot.octets, 0, slot.length);
      sent++;
    }
    if (sent > 0) this.#context.touch();
    if (sent === TRANSMITS_PER_TURN_MAX) this.#kick();
    this.#sleep();
  }

  #lookAtPaths(nowUs: number): void {
    if (nowUs - this.#pathsAtUs < PATHS_US || this.#node.streamCount === 0) return;
    this.#pathsAtUs = nowUs;
    for (const peer of this.#node.peers()) this.#node.setPaths(nowUs, peer, this.#context.core.pathsTo(nowUs, peer));
  }

  #sleep(): void {
    clearTimeout(this.#timer);
    const atUs = this.#node.nextTimeoutUs();
    if (atUs === Number.POSITIVE_INFINITY) return;
    const waitMs = Math.ceil((atUs - this.#context.nowUs()) / 1000);
    this.#timer = setTimeout(this.#wake, Math.min(60_000, Math.max(1, waitMs)));
  }
}

/** Family 1, port 2, address 4 or 16. */
function encodeDestination({ family, port, address }: Destination): Uint8Array {
  return Uint8Array.of(family, port >>> 8, port & 0xff, ...address);
}

function decodeDestination(octets: Uint8Array): Destination | undefined {
  const family = octets[0];
  if ((family !== 4 && family !== 6) || octets.length !== (family === 4 ? 7 : 19)) return undefined;
  return { family, port: ((octets[1] as number) << 8) | (octets[2] as number), address: octets.slice(3) };
}
