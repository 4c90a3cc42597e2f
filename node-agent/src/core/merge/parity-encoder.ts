import {
  copyOctets,
  createDataHeader,
  createParityHeader,
  type DataHeader,
  encodeParityHeader,
  encodeSymbol,
  erasureFactor,
  FrameKind,
  galoisAddScaled,
  hasPlace,
  MAX_ERASURE_PLACES,
  MAX_SYMBOL_HEADER_OCTETS,
  PARITY_HEADER_OCTETS,
} from "@skein/codecs";
import { Precedence, TrafficClass } from "../api.ts";
import {
  MAX_BEARERS,
  MAX_OPEN_BLOCKS,
  MAX_PARITY_ROWS,
  MAX_PAYLOAD_OCTETS,
  VIDEO_BLOCK_PACKETS,
  VIDEO_BLOCK_US,
} from "../limits.ts";
import { ANY_POTENTIAL } from "../potential.ts";
import type { CoreState } from "../state.ts";
import { type PathLoss, parityRows, residualLoss, residualRun } from "./parity-plan.ts";

const EVER = Number.POSITIVE_INFINITY;
/** Longest symbol, so that a row of parity is a payload. */
const SYMBOL_OCTETS = MAX_PAYLOAD_OCTETS - PARITY_HEADER_OCTETS;

/** Video of one source to one neighbour whose parity is being summed up. */
export interface ParityBlock {
  nodeId: number;
  source: number;
  /** Which of the sequence numbers: see `ParityEncoder.lanes`. */
  lane: number;
  first: number;
  membersLow: number;
  membersHigh: number;
  /** The least that one of its packets carries. */
  potential: number;
  packets: number;
  /** Length of the longest symbol. */
  octets: number;
  rows: number;
  readonly parity: Uint8Array;
  /** Account that is charged for it. */
  payer: number;
  /** When it ends, and when the first of its packets is too late. */
  dueUs: number;
  deadlineUs: number;
  /** Packets that are expected not to come in time, and the same times the length of a run. */
  lost: number;
  lostTimesRun: number;
  /** Packets that are expected to be lost at their first try: parity has no other. */
  lossAtFirst: number;
  /** Packets by bearer. */
  readonly on: Uint8Array;
}

/** Sums up the parity of video that goes to a node over several bearers, block by block. */
export class ParityEncoder {
  readonly #s: CoreState;
  readonly #blocks: ParityBlock[] = [];
  readonly #header: DataHeader = createDataHeader();
  readonly #parityHeader = createParityHeader();
  readonly #rowHeader: DataHeader = createDataHeader();
  readonly #symbol = new Uint8Array(SYMBOL_OCTETS);
  readonly #row = new Uint8Array(MAX_PAYLOAD_OCTETS);
  /**
   * Blocks that packets are dealt out to in turn: two where one is full before half its time is over, so that a run of
   * losses takes half as much of each.
   */
  #lanes = 1;
  /** Rows and packets of the block before. */
  #rowsBefore = 0;
  #packetsBefore = 1;
  /** Told of a block that has ended, and has rows to be sent. */
  onBlock: (nowUs: number, block: ParityBlock, rows: number) => void = () => undefined;

  constructor(state: CoreState) {
    this.#s = state;
    this.#rowHeader.kind = FrameKind.path;
    this.#rowHeader.trafficClass = TrafficClass.video;
    this.#rowHeader.precedence = Precedence.routine;
  }

  /** Rows by packets of the last block. */
  get share(): number {
    return this.#rowsBefore / this.#packetsBefore;
  }

  get dueUs(): number {
    let dueUs = EVER;
    for (let i = 0; i < this.#blocks.length; i++) dueUs = Math.min(dueUs, (this.#blocks[i] as ParityBlock).dueUs);
    return dueUs;
  }

  /** Ends what has been open for long enough. */
  handleTimeout(nowUs: number): void {
    for (let i = 0; i < this.#blocks.length; i++) {
      const block = this.#blocks[i] as ParityBlock;
      if (block.dueUs > nowUs) continue;
      this.#lanes = block.packets < VIDEO_BLOCK_PACKETS / 2 ? 1 : this.#lanes;
      this.#end(nowUs, block);
    }
  }

  /** A packet goes to a node with this address over a bearer, which loses so much. */
  add(nowUs: number, slot: number, nodeId: number, address: number, bearerId: number, path: PathLoss): void {
    const { pool, options } = this.#s;
    const length = pool.length[slot] as number;
    // With a repair extension a packet goes another way than those around it.
    if (pool.flags[slot] !== 0 || length + MAX_SYMBOL_HEADER_OCTETS > SYMBOL_OCTETS) return;
    const sequence = pool.sequence[slot] as number;
    const lost = residualLoss(path);
    const run = 1 + (residualRun(path) - 1) / this.#lanes;
    const block = this.#blockFor(nowUs, nodeId, pool.source[slot] as number, sequence, lost, run, path.loss);
    const place = block === undefined ? -1 : (sequence - block.first) & 0xffff;
    if (block === undefined || hasPlace(block.membersLow, block.membersHigh, place)) return;
    if (place < 32) block.membersLow |= 1 << place;
    else block.membersHigh |= 1 << (place - 32);
    block.packets++;
    block.lost += lost;
    block.lostTimesRun += lost * run;
    block.lossAtFirst += path.loss;
    block.on[bearerId] = (block.on[bearerId] as number) + 1;
    block.potential = Math.min(block.potential, pool.potential[slot] as number);
    block.payer = pool.payer[slot] as number;
    block.deadlineUs = Math.min(block.deadlineUs, pool.deadlineUs[slot] as number);
    if (block.rows > 0) this.#sum(block, place, slot, block.source === options.address, address);
    if (block.packets < VIDEO_BLOCK_PACKETS) return;
    if (block.dueUs - nowUs > VIDEO_BLOCK_US / 2) this.#lanes = 2;
    this.#end(nowUs, block);
  }

  #sum(block: ParityBlock, place: number, slot: number, own: boolean, address: number): void {
    const { pool } = this.#s;
    const header = this.#header;
    pool.header(slot, header);
    const from = pool.offset(slot);
    const end = from + (pool.length[slot] as number);
    const ends = own && header.destination === address;
    const octets = encodeSymbol(header, ends, pool.payloads, from, end, this.#symbol, 0);
    block.octets = Math.max(block.octets, octets);
    for (let row = 0; row < block.rows; row++)
      galoisAddScaled(erasureFactor(row, place), this.#symbol, 0, octets, block.parity, row * SYMBOL_OCTETS);
  }

  /** The open block that a packet belongs to; undefined if it comes behind that, which only a repetition does. */
  #blockFor(
    nowUs: number,
    nodeId: number,
    source: number,
    sequence: number,
    lost: number,
    run: number,
    lossAtFirst: number,
  ): ParityBlock | undefined {
    const lane = sequence % this.#lanes;
    for (let i = 0; i < this.#blocks.length; i++) {
      const block = this.#blocks[i] as ParityBlock;
      if (block.dueUs === EVER || block.nodeId !== nodeId || block.source !== source || block.lane !== lane) continue;
      const place = (sequence - block.first) & 0xffff;
      if (place < MAX_ERASURE_PLACES) return block;
      if (place >= 0x8000) return undefined;
      this.#end(nowUs, block);
      break;
    }
    const block = this.#free(nowUs);
    block.nodeId = nodeId;
    block.source = source;
    block.lane = lane;
    block.first = sequence;
    block.dueUs = nowUs + VIDEO_BLOCK_US;
    const expected = this.#packetsBefore;
    const rows = parityRows(expected, lost * expected, run, lossAtFirst);
    block.rows = Math.min(MAX_PARITY_ROWS, Math.max(rows, this.#rowsBefore) + (rows + this.#rowsBefore > 0 ? 1 : 0));
    return block;
  }

  #free(nowUs: number): ParityBlock {
    let oldest: ParityBlock | undefined;
    for (let i = 0; i < this.#blocks.length; i++) {
      const block = this.#blocks[i] as ParityBlock;
      if (block.dueUs === EVER) return block;
      if (oldest === undefined || block.dueUs < oldest.dueUs) oldest = block;
    }
    if (oldest === undefined || this.#blocks.length < MAX_OPEN_BLOCKS) {
      const block = createBlock();
      this.#blocks.push(block);
      return block;
    }
    this.#end(nowUs, oldest);
    return oldest;
  }

  #end(nowUs: number, block: ParityBlock): void {
    const run = block.lost > 0 ? block.lostTimesRun / block.lost : 1;
    const wanted = parityRows(block.packets, block.lost, run, block.lossAtFirst / block.packets);
    this.#rowsBefore = wanted;
    this.#packetsBefore = block.packets;
    const rows = Math.min(block.rows, wanted);
    if (rows > 0) this.onBlock(nowUs, block, rows);
    clear(block);
  }

  /** A slot with a row of parity in it, of class video; -1 (counted) if there is none. */
  allocate(block: ParityBlock, row: number): number {
    const header = this.#parityHeader;
    header.source = block.source;
    header.first = block.first;
    header.membersLow = block.membersLow;
    header.membersHigh = block.membersHigh;
    header.potential = block.potential;
    header.row = row;
    const at = encodeParityHeader(header, this.#row, 0);
    const from = row * SYMBOL_OCTETS;
    copyOctets(block.parity, from, from + block.octets, this.#row, at);
    const { pool, counters } = this.#s;
    pool.payerNow = block.payer;
    this.#rowHeader.source = block.source;
    const slot = pool.allocate(this.#rowHeader, undefined, this.#row, 0, at + block.octets);
    if (slot === -1) counters.drop("pool-empty", TrafficClass.video);
    return slot;
  }
}

function createBlock(): ParityBlock {
  const block: ParityBlock = {
    nodeId: 0,
    source: 0,
    lane: 0,
    first: 0,
    membersLow: 0,
    membersHigh: 0,
    potential: 0,
    packets: 0,
    octets: 0,
    rows: 0,
    parity: new Uint8Array(MAX_PARITY_ROWS * SYMBOL_OCTETS),
    payer: 0,
    dueUs: EVER,
    deadlineUs: EVER,
    lost: 0.5,
    lostTimesRun: 0.5,
    lossAtFirst: 0.5,
    on: new Uint8Array(MAX_BEARERS),
  };
  clear(block);
  return block;
}

function clear(block: ParityBlock): void {
  block.dueUs = EVER;
  block.deadlineUs = EVER;
  block.membersLow = 0;
  block.membersHigh = 0;
  block.potential = ANY_POTENTIAL;
  block.packets = 0;
  block.octets = 0;
  block.lost = 0;
  block.lostTimesRun = 0;
  block.lossAtFirst = 0;
  block.parity.fill(0);
  block.on.fill(0);
}
