export * from "./assert.ts";
export * from "./position/position-report.ts";
export * from "./sos/sos.ts";
export * from "./text/text-message.ts";
export * from "./text/utf8.ts";
export * from "./voice/voice-header.ts";
