export * from "./bearer.ts";
export { createSerialBearer, type SerialBearerOptions } from "./bearers/serial/serial-bearer.ts";
export * from "./framing/cobs.ts";
export * from "./framing/deframer.ts";
export * from "./framing/escaped.ts";
export { HalError } from "./hal-error.ts";
