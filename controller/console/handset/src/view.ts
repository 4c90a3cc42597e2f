import type { AgentStatus } from "@skein/node-agent/api";
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import { formatAddress } from "../../../src/fleet/address.ts";
import type { PageAudio } from "../../src/audio/page-audio.ts";
import type { AgentClient } from "./agent-client.ts";
import type { HandsetKey } from "./texts.ts";

const HEADQUARTERS = 4;

/** What every part of the handset may need. */
export interface HandsetView {
  client: AgentClient;
  audio: PageAudio;
  status: AgentStatus;
  /** False while nothing comes from the agent: then nothing shown is current. */
  online: boolean;
  t: (key: HandsetKey, values?: Readonly<Record<string, string | number>>) => string;
}

export const HandsetContext = createContext<HandsetView | undefined>(undefined);

export function useHandset(): HandsetView {
  const view = useContext(HandsetContext);
  if (view === undefined) throw new Error("drawn outside of the handset");
  return view;
}

export function nameOf(status: AgentStatus, address: number): string {
  return status.core.nodes.find((node) => node.address === address)?.name || formatAddress(address);
}

/** The headquarters' address: where canned status and video go. */
export function headquartersOf(status: AgentStatus): number | undefined {
  return status.core.nodes.find((node) => node.role === HEADQUARTERS)?.address;
}
