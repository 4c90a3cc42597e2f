export * from "./bearer.ts";
export { createSerialBearer, type SerialBearerOptions } from "./bearers/serial/serial-bearer.ts";
export { createUdpBearer } from "./bearers/udp/udp-bearer.ts";
export type { DiscoverOptions, UdpBearerOptions } from "./bearers/udp/udp-options.ts";
export * from "./framing/cobs.ts";
export * from "./framing/deframer.ts";
export * from "./framing/escaped.ts";
export { HalError } from "./hal-error.ts";
