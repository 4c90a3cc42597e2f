import {
  copyOctets,
  createParityHeader,
  DATA_FLAG_REPAIR,
  type DataHeader,
  decodeParityHeader,
  decodeWideDataHeader,
  encodeSymbol,
  erasureFactor,
  erasureInverse,
  galoisAddScaled,
  hasPlace,
  isUnicastKind,
  MAX_ERASURE_PLACES,
  MAX_SYMBOL_HEADER_OCTETS,
  PARITY_HEADER_OCTETS,
  readU16,
  takeEnds,
} from "@skein/codecs";
import { type Address, TrafficClass } from "../api.ts";
import {
  MAX_PARITY_BLOCKS,
  MAX_PARITY_ROWS,
  MAX_PARITY_SYMBOLS,
  MAX_PAYLOAD_OCTETS,
  PARITY_HEARD_US,
  VIDEO_DEADLINE_US,
} from "../limits.ts";
import type { CoreState } from "../state.ts";

const SYMBOL_OCTETS = MAX_PAYLOAD_OCTETS - PARITY_HEADER_OCTETS;

/** Waits for packets or parity; has its missing packets read out; has nothing more to give. */
const Phase = { waits: 0, solved: 1, done: 2 } as const;

/** A block some parity of which has come. */
interface Block {
  nodeId: number;
  source: number;
  first: number;
  membersLow: number;
  membersHigh: number;
  /** Those of the members that have come. */
  cameLow: number;
  cameHigh: number;
  potential: number;
  phase: number;
  /** When the first of its parity came. */
  sinceUs: number;
  /** Rows of parity that have come: how many, which, how long they are; and the parity, later the rests. */
  rows: number;
  readonly rowNumbers: Uint8Array;
  octets: number;
  readonly parity: Uint8Array;
  /** Places of what is missing, and how many of them have been read out. */
  missing: number;
  readonly places: Uint8Array;
  read: number;
}

/** What it holds, made with the first parity that comes: half a megabyte that most nodes never need. */
interface Memory {
  readonly symbols: Uint8Array;
  readonly length: Uint16Array;
  /** Whose packet stands in a place: neighbour, source and sequence. */
  readonly nodeId: Float64Array;
  readonly source: Uint16Array;
  readonly sequence: Uint16Array;
  readonly blocks: readonly Block[];
}

/** Rebuilds video packets that are missing out of those that have come and of parity. */
export class ParityDecoder {
  readonly #s: CoreState;
  readonly #header = createParityHeader();
  #memory: Memory | undefined;
  #heardUs = Number.NEGATIVE_INFINITY;
  /** Blocks that are to be read out. */
  #solved = 0;
  #next = 0;
  /** What `poll` has found: a symbol, with its length. */
  readonly symbol = new Uint8Array(SYMBOL_OCTETS);
  source = 0;
  sequence = 0;
  potential = 0;

  constructor(state: CoreState) {
    this.#s = state;
  }

  /** A video packet came from a neighbour, payload octets[from, end). `ends`: it is its own, for this node. */
  heard(
    nowUs: number,
    nodeId: number,
    header: DataHeader,
    ends: boolean,
    octets: Uint8Array,
    from: number,
    end: number,
  ): void {
    const memory = this.#memory;
    if (memory === undefined || nowUs - this.#heardUs > PARITY_HEARD_US) return;
    if (end - from + MAX_SYMBOL_HEADER_OCTETS > SYMBOL_OCTETS) return;
    const { source, sequence } = header;
    const index = indexOf(source, sequence);
    memory.length[index] = encodeSymbol(header, ends, octets, from, end, memory.symbols, index * SYMBOL_OCTETS);
    memory.nodeId[index] = nodeId;
    memory.source[index] = source;
    memory.sequence[index] = sequence;
    for (let i = 0; i < MAX_PARITY_BLOCKS; i++) {
      const block = memory.blocks[i] as Block;
      if (block.phase !== Phase.waits || block.rows === 0) continue;
      if (block.nodeId !== nodeId || block.source !== source) continue;
      const place = (sequence - block.first) & 0xffff;
      if (!hasPlace(block.membersLow, block.membersHigh, place)) continue;
      noteCame(block, place);
      this.#look(nowUs, memory, block);
    }
  }

  /** A row of parity: octets[from, end) as `parity.ts` of the codecs has them. False if it is malformed. */
  handle(nowUs: number, nodeId: number, octets: Uint8Array, from: number, end: number): boolean {
    const header = this.#header;
    if (!decodeParityHeader(octets, from, end, header) || header.row >= MAX_PARITY_ROWS) return false;
    const length = end - from - PARITY_HEADER_OCTETS;
    if (length > SYMBOL_OCTETS) return false;
    this.#memory ??= createMemory();
    this.#heardUs = nowUs;
    this.#s.counters.count("parity-received");
    const block = this.#blockFor(nowUs, this.#memory, nodeId);
    if (block.rows > 0 && block.octets !== length) return false;
    if (block.phase !== Phase.waits || has(block, header.row)) return true;
    block.octets = length;
    block.rowNumbers[block.rows] = header.row;
    const at = from + PARITY_HEADER_OCTETS;
    copyOctets(octets, at, end, block.parity, block.rows++ * SYMBOL_OCTETS);
    this.#look(nowUs, this.#memory, block);
    return true;
  }

  #blockFor(nowUs: number, memory: Memory, nodeId: number): Block {
    const header = this.#header;
    let oldest = memory.blocks[0] as Block;
    for (let i = 0; i < MAX_PARITY_BLOCKS; i++) {
      const block = memory.blocks[i] as Block;
      const same = block.nodeId === nodeId && block.source === header.source && block.first === header.first;
      if (same && block.membersLow === header.membersLow && block.membersHigh === header.membersHigh) return block;
      if (block.sinceUs < oldest.sinceUs) oldest = block;
    }
    if (oldest.phase === Phase.waits && oldest.rows > 0) this.#s.counters.drop("parity-short", TrafficClass.video);
    if (oldest.phase === Phase.solved) this.#solved--;
    oldest.nodeId = nodeId;
    oldest.source = header.source;
    oldest.first = header.first;
    oldest.membersLow = header.membersLow;
    oldest.membersHigh = header.membersHigh;
    oldest.potential = header.potential;
    oldest.phase = Phase.waits;
    oldest.sinceUs = nowUs;
    oldest.rows = 0;
    oldest.cameLow = 0;
    oldest.cameHigh = 0;
    for (let place = 0; place < MAX_ERASURE_PLACES; place++) {
      if (!hasPlace(oldest.membersLow, oldest.membersHigh, place) || !isKept(memory, oldest, place)) continue;
      noteCame(oldest, place);
    }
    return oldest;
  }

  /** Solves a block that has enough parity for what is missing. */
  #look(nowUs: number, memory: Memory, block: Block): void {
    const low = block.membersLow & ~block.cameLow;
    const high = block.membersHigh & ~block.cameHigh;
    block.missing = 0;
    for (let place = 0; place < MAX_ERASURE_PLACES; place++) {
      if (!hasPlace(low, high, place)) continue;
      if (block.missing === block.rows) return;
      block.places[block.missing++] = place;
    }
    block.phase = Phase.done;
    if (block.missing === 0) return;
    if (nowUs - block.sinceUs > VIDEO_DEADLINE_US) return this.#s.counters.drop("video-late", TrafficClass.video);
    for (let place = 0; place < MAX_ERASURE_PLACES; place++) {
      if (!hasPlace(block.cameLow, block.cameHigh, place)) continue;
      // Something else has taken its place meanwhile: it cannot be taken out of the sums.
      if (!isKept(memory, block, place)) return this.#s.counters.drop("parity-short", TrafficClass.video);
      const at = indexOf(block.source, block.first + place);
      const from = at * SYMBOL_OCTETS;
      const end = from + Math.min(block.octets, memory.length[at] as number);
      for (let i = 0; i < block.missing; i++)
        galoisAddScaled(
          erasureFactor(block.rowNumbers[i] as number, place),
          memory.symbols,
          from,
          end,
          block.parity,
          i * SYMBOL_OCTETS,
        );
    }
    block.phase = Phase.solved;
    block.read = 0;
    this.#solved++;
  }

  /** Rebuilds the next packet into `symbol`; returns its length, 0 if there is none. `source` and `sequence` say what it should be. */
  poll(): number {
    while (this.#solved > 0 && this.#memory !== undefined) {
      const block = this.#memory.blocks[this.#next] as Block;
      if (block.phase !== Phase.solved || block.read === block.missing) {
        if (block.phase === Phase.solved) {
          block.phase = Phase.done;
          this.#solved--;
        }
        this.#next = (this.#next + 1) % MAX_PARITY_BLOCKS;
        continue;
      }
      const i = block.read++;
      this.symbol.fill(0, 0, block.octets);
      for (let j = 0; j < block.missing; j++) {
        const factor = erasureInverse(block.rowNumbers, block.places, block.missing, i, j);
        const from = j * SYMBOL_OCTETS;
        galoisAddScaled(factor, block.parity, from, from + block.octets, this.symbol, 0);
      }
      this.source = block.source;
      this.potential = block.potential;
      this.sequence = (block.first + (block.places[i] as number)) & 0xffff;
      const length = 2 + readU16(this.symbol, 0);
      if (length <= block.octets) return length;
      this.#s.counters.drop("malformed-body", TrafficClass.video);
    }
    return 0;
  }

  /**
   * Header of the packet that `poll` has found, of this length, and where its payload begins; 0 if it is not what it
   * should be. `from`: the neighbour whose parity it was.
   */
  decode(length: number, from: Address, header: DataHeader): number {
    const octetsRead = decodeWideDataHeader(this.symbol, 2, length, false, header);
    takeEnds(header, from, this.#s.options.address);
    const asExpected = header.source === this.source && header.sequence === this.sequence;
    const isVideo = isUnicastKind(header.kind) && header.trafficClass === TrafficClass.video;
    if (octetsRead === 0 || !asExpected || !isVideo || (header.flags & DATA_FLAG_REPAIR) !== 0) return 0;
    header.flags = 0;
    header.potential = this.potential;
    return 2 + octetsRead;
  }
}

function createMemory(): Memory {
  return {
    symbols: new Uint8Array(MAX_PARITY_SYMBOLS * SYMBOL_OCTETS),
    length: new Uint16Array(MAX_PARITY_SYMBOLS),
    nodeId: new Float64Array(MAX_PARITY_SYMBOLS),
    source: new Uint16Array(MAX_PARITY_SYMBOLS),
    sequence: new Uint16Array(MAX_PARITY_SYMBOLS),
    blocks: Array.from({ length: MAX_PARITY_BLOCKS }, () => ({
      nodeId: 0,
      source: 0,
      first: 0,
      membersLow: 0,
      membersHigh: 0,
      cameLow: 0,
      cameHigh: 0,
      potential: 0,
      phase: Phase.done,
      sinceUs: Number.NEGATIVE_INFINITY,
      rows: 0,
      rowNumbers: new Uint8Array(MAX_PARITY_ROWS),
      octets: 0,
      parity: new Uint8Array(MAX_PARITY_ROWS * SYMBOL_OCTETS),
      missing: 0,
      places: new Uint8Array(MAX_ERASURE_PLACES),
      read: 0,
    })),
  };
}

/** Where a packet is kept. Sources are spread, so that two cameras seldom want the same places. */
function indexOf(source: number, sequence: number): number {
  return (sequence + 97 * source) % MAX_PARITY_SYMBOLS;
}

function isKept(memory: Memory, block: Block, place: number): boolean {
  const sequence = (block.first + place) & 0xffff;
  const index = indexOf(block.source, sequence);
  return (
    memory.nodeId[index] === block.nodeId &&
    memory.source[index] === block.source &&
    memory.sequence[index] === sequence
  );
}

function noteCame(block: Block, place: number): void {
  if (place < 32) block.cameLow |= 1 << place;
  else block.cameHigh |= 1 << (place - 32);
}

function has(block: Block, row: number): boolean {
  for (let i = 0; i < block.rows; i++) if (block.rowNumbers[i] === row) return true;
  return false;
}
