/** Area-local address as people write it: `1.7` for area 1, id 7. */
export function formatAddress(address: number): string {
  return `${address >> 8}.${address & 0xff}`;
}

/** First destination number that means a group: GROUP_DESTINATION + group. The type ties it to the core's value. */
export const GROUP_DESTINATION: typeof import("@skein/node-agent/core").GROUP_DESTINATION = 0x10000;

/** The group of a text's destination, or undefined if it is for one node. */
export function groupOf(destination: number): number | undefined {
  return destination >= GROUP_DESTINATION ? destination - GROUP_DESTINATION : undefined;
}
