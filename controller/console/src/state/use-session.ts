import { useEffect, useState } from "preact/hooks";
import type { Session, SessionState } from "./session.ts";

/** The session's state; also drawn anew each second, so that ages go on when nothing arrives. */
export function useSession(session: Session): SessionState {
  const [, redraw] = useState(0);
  useEffect(() => {
    const again = (): void => redraw((count) => count + 1);
    const unsubscribe = session.subscribe(again);
    const timer = setInterval(again, 1000);
    return () => {
      unsubscribe();
      clearInterval(timer);
    };
  }, [session]);
  return session.state;
}
