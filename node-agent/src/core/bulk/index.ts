export { type BulkEvent, BulkNode, ResetCode } from "./bulk-node.ts";
export type { PathHint } from "./bulk-path.ts";
export { type BulkSlot, ROUTED } from "./bulk-session.ts";
export type { BulkStream } from "./streams.ts";
