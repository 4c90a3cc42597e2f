import { BulkNode, type BulkSlot, type BulkStream } from "@skein/node-agent/bulk";
import { Arrivals } from "@skein/node-agent/bulk-arrivals";
import type { NodeEvent } from "@skein/node-agent/core";
import type { Field } from "../routing-bench/field.ts";

const SLOT_OCTETS = 2048;
const WRITE_OCTETS = 65_536;
/** Owners wake on whole milliseconds. */
const TICK_US = 1_000;
/** As agents do while there are streams. */
const PATHS_US = 1_000_000;

/** One stream from a node of a field to another one, which the two carry over their paths as agents do. */
export class StreamRun {
  readonly #field: Field;
  readonly #ends: readonly End[];
  readonly #stream: BulkStream;
  readonly arrivals = new Arrivals();
  #left = 0;
  #isBlocked = false;

  /** Takes the field's events over. The nodes reach each other already. */
  constructor(field: Field, from: number, to: number, octets: number) {
    this.#field = field;
    const writer = new End(field, from);
    const reader = new End(field, to);
    this.#ends = [writer, reader];
    field.onEvent = (node, event) => {
      for (const end of this.#ends) if (end.index === node) end.onEvent(event);
    };
    writer.onWritable = () => {
      this.#isBlocked = false;
      this.#write();
    };
    reader.onOctets = (count) => this.arrivals.add(field.nowUs, count);
    this.#stream = writer.node.open(field.nowUs, field.addresses[to] as number) as BulkStream;
    writer.lookAtPaths();
    this.#left = octets;
    this.#write();
  }

  #write(): void {
    const writer = this.#ends[0] as End;
    while (!this.#isBlocked && this.#left > 0) {
      const octets = new Uint8Array(Math.min(this.#left, WRITE_OCTETS));
      this.#left -= octets.length;
      this.#isBlocked = !writer.node.write(this.#field.nowUs, this.#stream, octets);
    }
    writer.kick();
  }
}

/** What an agent does around the transport, without its sockets. */
class End {
  readonly index: number;
  readonly node: BulkNode;
  onOctets: (count: number) => void = () => undefined;
  onWritable: () => void = () => undefined;
  readonly #field: Field;
  readonly #slot: BulkSlot = { to: 0, path: 0, octets: new Uint8Array(SLOT_OCTETS), length: 0 };
  #isKicked = false;
  #wakeUs = Number.POSITIVE_INFINITY;
  #pathsAtUs = 0;

  constructor(field: Field, index: number) {
    this.#field = field;
    this.index = index;
    this.node = new BulkNode(field.addresses[index] as number, 1);
  }

  onEvent(event: NodeEvent): void {
    if (event.type === "bulk") this.node.handlePacket(this.#field.nowUs, event.from, event.bearerId, event.octets);
    else if (event.type === "routes" || event.type === "neighbour" || event.type === "path") this.#pathsAtUs = 0;
    else return;
    this.kick();
  }

  lookAtPaths(): void {
    const { nowUs, cores } = this.#field;
    this.#pathsAtUs = nowUs;
    for (const peer of this.node.peers())
      this.node.setPaths(nowUs, peer, cores[this.index]?.pathsTo(nowUs, peer) ?? []);
  }

  /** The core is not to be called while it reports what has happened. */
  kick(): void {
    if (this.#isKicked) return;
    this.#isKicked = true;
    this.#field.at(this.#field.nowUs, () => this.#turn());
  }

  #turn(): void {
    this.#isKicked = false;
    const { node } = this;
    const { nowUs } = this.#field;
    if (nowUs - this.#pathsAtUs >= PATHS_US) this.lookAtPaths();
    if (node.nextTimeoutUs() <= nowUs) node.handleTimeout(nowUs);
    for (let event = node.pollEvent(); event !== undefined; event = node.pollEvent()) {
      if (event.type === "writable") this.onWritable();
      else if (event.type === "opened") this.lookAtPaths();
      else if (event.type === "octets") {
        this.onOctets(event.octets.length);
        node.consumed(event.stream, event.octets.length);
      }
    }
    const slot = this.#slot;
    this.#field.use(this.index, (core) => {
      while (node.pollTransmit(nowUs, slot)) core.sendOnPath(nowUs, slot.to, slot.path, slot.octets, 0, slot.length);
    });
    this.#sleep();
  }

  #sleep(): void {
    const dueUs = this.node.nextTimeoutUs();
    if (dueUs === Number.POSITIVE_INFINITY) return;
    const atUs = Math.max(this.#field.nowUs + TICK_US, Math.ceil(dueUs / TICK_US) * TICK_US);
    if (atUs >= this.#wakeUs) return;
    this.#wakeUs = atUs;
    this.#field.at(atUs, () => {
      if (this.#wakeUs !== atUs) return;
      this.#wakeUs = Number.POSITIVE_INFINITY;
      this.kick();
    });
  }
}
