/**
 * Pull: the summary of a database whose digest differed; the addressed neighbour answers with the
 * advertisements in which it is ahead, and pulls in turn where it is behind.
 *
 *   +--------+----------+---------+------------------------------------------------------------+
 *   | kind 1 | target 1 | count 1 | originator 1 | boot epoch, low 8 | sequence, low 8 |  ...   |
 *   +--------+----------+---------+------------------------------------------------------------+
 *
 * The boot epoch is shifted by a hash of the node id, so that two nodes with one address differ.
 */
export const MAX_PULL_ENTRIES = 254;
export const PULL_ENTRY_OCTETS = 3;

export interface PullEntry {
  originator: number;
  bootEpochLow: number;
  sequenceLow: number;
}
export interface Pull {
  target: number;
  entries: PullEntry[];
}

/** Writes everything after the kind octet. */
export function encodePull(pull: Pull, out: Uint8Array, offset: number): number {
  let at = offset;
  out[at++] = pull.target;
  out[at++] = pull.entries.length;
  for (const entry of pull.entries) {
    out[at++] = entry.originator;
    out[at++] = entry.bootEpochLow;
    out[at++] = entry.sequenceLow;
  }
  return at - offset;
}

export function decodePull(octets: Uint8Array, offset: number, end: number): Pull | undefined {
  if (end - offset < 2) return undefined;
  const count = octets[offset + 1] as number;
  if (count > MAX_PULL_ENTRIES || end - offset !== 2 + PULL_ENTRY_OCTETS * count) return undefined;
  const entries: PullEntry[] = [];
  for (let i = 0, at = offset + 2; i < count; i++, at += PULL_ENTRY_OCTETS) {
    entries.push({
      originator: octets[at] as number,
      bootEpochLow: octets[at + 1] as number,
      sequenceLow: octets[at + 2] as number,
    });
  }
  return { target: octets[offset] as number, entries };
}
