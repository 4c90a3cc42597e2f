/** What a run of the laboratory ends with. Shares are of what was sent to nodes that had a path at that moment. */
export interface LabReport {
  scenario: string;
  durationS: number;
  nodes: number;
  /** Live child processes, media processes included. */
  processes: number;
  startupS: number;
  /** From the moment the last agent was up; null if it never came to that. */
  allPairsReachableS: number | null;
  /** Radios that the agents report as up. */
  bearers: { udp: number; serial: number };
  position: { expected: number; delivered: number; ageP95S: number | null };
  voice: VoiceReport;
  video: VideoReport;
  text: { sent: number; delivered: number; duplicates: number };
  sos: { raised: number; acknowledgedS: number | null };
  cuts: CutReport[];
  /** Share of what each node was to get, in percent, by node and for voice by talker. */
  receivers: Record<string, { position: number | null; voice: Record<string, number> }>;
  /** Things that hold for the whole run and that a reader should know. */
  notes: string[];
  verdict: "pass" | "fail";
  reasons: string[];
}

export interface VoiceReport {
  framesSent: number;
  /** One for each frame and each listener with a path. */
  framesExpected: number;
  framesPlayed: number;
  mouthToEarP95Ms: number | null;
  /** The same split by the listener's radios. */
  wide: { framesExpected: number; framesPlayed: number; mouthToEarP95Ms: number | null };
  narrow: { framesExpected: number; framesPlayed: number; mouthToEarP95Ms: number | null };
}

export interface VideoReport {
  packetsSent: number;
  packetsReceived: number;
  framesSent: number;
  /** Of those sent while a path existed. */
  framesExpected: number;
  framesComplete: number;
  /** By the browser; null where there is none. */
  framesDecoded: number | null;
}

export interface CutReport {
  what: string;
  atS: number;
  /** Longest silence at a listener that kept a path, talker and listener on IP bearers; null if nobody spoke. */
  voiceGapMs: number | null;
  /** The same where one of the two is on a serial radio. */
  voiceGapSerialMs: number | null;
}
