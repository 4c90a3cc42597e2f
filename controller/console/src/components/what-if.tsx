import type { WhatIf } from "@skein/node-agent/api";
import { useEffect, useState } from "preact/hooks";
import type { Picture } from "../../../src/fleet/picture.ts";
import type { Translate } from "../i18n/context.ts";
import { nodeName } from "../state/fleet-names.ts";

const AGAIN_MS = 2000;
const CLASSES = ["voice", "command", "video", "bulk"] as const;
type Answer = WhatIf["classes"][number];

/** What the agent would do if a link (`link=FROM-TO`) or a bearer (`bearer=NAME`) died now, by class. */
export function WhatIfDead({ query, picture, t }: { query: string; picture: Picture; t: Translate }) {
  const [answer, setAnswer] = useState<WhatIf>();
  useEffect(() => {
    let stopped = false;
    const ask = async (): Promise<void> => {
      const response = await fetch(`api/what-if?${query}`).catch(() => undefined);
      const value = response?.ok ? ((await response.json()) as WhatIf) : undefined;
      if (!stopped) setAnswer(value);
    };
    void ask();
    const timer = setInterval(ask, AGAIN_MS);
    return () => {
      stopped = true;
      clearInterval(timer);
    };
  }, [query]);
  if (answer === undefined) return null;
  const names = (addresses: readonly number[]): string => addresses.map((one) => nodeName(picture, one, t)).join(", ");
  const groups = alike(answer.classes);
  return (
    <div class="what-if" data-testid="what-if">
      <h4>{t("whatIf.title")}</h4>
      {answer.unreachable.length > 0 && (
        <p class="is-bad">{t("whatIf.unreachable", { names: names(answer.unreachable) })}</p>
      )}
      {groups.map(({ classes, same }) => (
        <div key={classes.join()}>
          <b>
            {classes.length === CLASSES.length
              ? t("whatIf.all")
              : classes.map((c) => t(`policy.class.${CLASSES[c]!}`)).join(", ")}
          </b>
          {ways(same).map(({ to, way }) => (
            <p key={way.join()}>
              {t("whatIf.rerouted", { names: names(to), way: way.map((one) => nodeName(picture, one, t)).join(" → ") })}
            </p>
          ))}
          {same.kept.length > 0 && <p>{t("whatIf.kept", { names: names(same.kept) })}</p>}
        </div>
      ))}
      {answer.omitted > 0 && <p class="dim">{t("whatIf.omitted", { count: answer.omitted })}</p>}
      {groups.length === 0 && answer.unreachable.length === 0 && <p class="dim">{t("whatIf.nothing")}</p>}
    </div>
  );
}

/** Classes with the same answer together; those that nothing happens to are left out. */
function alike(answers: readonly Answer[]): { classes: number[]; same: Answer }[] {
  const groups = new Map<string, { classes: number[]; same: Answer }>();
  for (const [c, same] of answers.entries()) {
    if (same.rerouted.length === 0 && same.kept.length === 0) continue;
    const key = JSON.stringify(same);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { classes: [c], same });
    else group.classes.push(c);
  }
  return [...groups.values()];
}

/** Destinations whose way begins alike, with the two hops in which the detour shows. */
function ways({ rerouted }: Answer): { to: number[]; way: number[] }[] {
  const groups = new Map<string, { to: number[]; way: number[] }>();
  for (const { to, way } of rerouted) {
    const start = way.slice(0, 2);
    const group = groups.get(start.join());
    if (group === undefined) groups.set(start.join(), { to: [to], way: start });
    else group.to.push(to);
  }
  return [...groups.values()];
}
