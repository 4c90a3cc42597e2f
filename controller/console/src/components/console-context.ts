import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Picture } from "../../../src/fleet/picture.ts";
import type { LabState } from "../../../src/lab/types.ts";
import type { PageAudio } from "../audio/page-audio.ts";
import type { Selection } from "../state/selection.ts";
import type { Session, SessionState } from "../state/session.ts";

/** What every panel may need. */
export interface ConsoleView {
  session: Session;
  audio: PageAudio;
  state: SessionState;
  picture: Picture;
  lab: LabState | undefined;
  selection: Selection | undefined;
  select(selection: Selection | undefined): void;
}

export const ConsoleContext = createContext<ConsoleView | undefined>(undefined);

export function useConsole(): ConsoleView {
  const view = useContext(ConsoleContext);
  if (view === undefined) throw new Error("a panel was drawn outside of the console");
  return view;
}
