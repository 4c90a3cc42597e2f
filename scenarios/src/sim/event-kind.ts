/** What can be on the agenda. The number is also the priority among things that happen at the same microsecond. */
export const EventKind = {
  fault: 0,
  mobility: 1,
  boot: 2,
  carrier: 3,
  arrival: 4,
  transcoded: 5,
  voice: 6,
  video: 7,
  text: 8,
  sos: 9,
  position: 10,
  policy: 11,
  wake: 12,
  reach: 13,
  sample: 14,
  access: 15,
} as const;
