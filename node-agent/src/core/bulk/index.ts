export { type BulkEvent, BulkNode, ResetCode } from "./bulk-node.ts";
export type { BulkSlot } from "./bulk-session.ts";
export type { BulkStream } from "./streams.ts";
