export type { ConsoleClientMessage, ConsoleServerMessage } from "./api/messages.ts";
export type { Picture } from "./fleet/picture.ts";
export type { LabAction, LabFault, LabNetwork, LabNode, LabReply, LabState } from "./lab/types.ts";
