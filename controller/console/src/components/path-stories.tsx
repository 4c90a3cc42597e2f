import type { PathReport } from "@skein/node-agent/api";
import type { Translate } from "../i18n/context.ts";
import type { TextKey } from "../i18n/en.ts";
import { formatCents, formatClock, formatPercent } from "../state/format.ts";
import { type PathStory, pathStories } from "../state/path-stories.ts";

const MAX_SHOWN = 20;
/** Why a path was taken for silent, as the agent says it; other reasons are shown as they are. */
const REASONS: Readonly<Record<string, TextKey>> = {
  missed: "paths.why.missed",
  "no answer": "paths.why.unanswered",
  "no acknowledgement": "paths.why.unanswered",
  "missed at the other end": "paths.why.told",
  silent: "paths.why.silent",
  "bearer down": "paths.why.bearer",
};

/** What happened to paths, newest first, in sentences. */
export function PathStories(props: { report: PathReport; name: (address: number) => string; t: Translate }) {
  const { report, name, t } = props;
  const stories = pathStories(report, Date.now());
  const told = stories.filter(({ end }) => end !== "over").slice(0, MAX_SHOWN);
  const mistakes = stories.length - stories.filter(({ end }) => end !== "over").length;
  return (
    <section class="path-stories scroll" aria-label={t("paths.stories")}>
      {told.length === 0 && <p class="empty">{t("paths.calm")}</p>}
      <ol>
        {told.map((story) => (
          <li
            key={`${story.bearerId}/${story.address}/${story.atMs}`}
            class={`path-end-${story.end}`}
            data-testid={`path-story-${report.bearers[story.bearerId]}`}
          >
            <time>{formatClock(story.atMs)}</time>
            <b>{t("paths.path", { bearer: report.bearers[story.bearerId] ?? "", name: name(story.address) })}</b>
            <p>{storyText(story, report.bearers, t)}</p>
          </li>
        ))}
      </ol>
      {mistakes > 0 && <p class="dim path-mistakes">{t("paths.mistakes", { count: mistakes })}</p>}
    </section>
  );
}

function storyText(story: PathStory, bearers: readonly string[], t: Translate): string {
  const sentences: string[] = [];
  if (story.before !== null) {
    const { share, firstShare } = story.before;
    sentences.push(t("paths.before", { share: formatPercent(share), first: formatPercent(firstShare) }));
  }
  const key = REASONS[story.reason];
  const reason = key === undefined ? story.reason : t(key);
  sentences.push(
    story.silentMs > 0 ? t("paths.suspected", { ms: story.silentMs, reason }) : t("paths.ended", { reason }),
  );
  if (story.carriers.length > 0) {
    const carriers = story.carriers.map(
      ({ bearerId, share }) => `${bearers[bearerId] ?? bearerId} ${formatPercent(share)}`,
    );
    sentences.push(t("paths.carried", { carriers: carriers.join(t("paths.and")) }));
  }
  if (story.voiceGapMs > 0) sentences.push(t("paths.longest", { ms: story.voiceGapMs }));
  if (story.cents > 0) sentences.push(t("paths.spent", { cents: formatCents(story.cents, t) }));
  const after = (fromMs: number, toMs: number): string => ((toMs - fromMs) / 1000).toFixed(1);
  if (story.end === "open") sentences.push(t("paths.open"));
  else if (story.silentMs > 0) sentences.push(t("paths.givenUp", { s: after(story.atMs, story.endMs) }));
  if (story.end === "back") sentences.push(t("paths.back", { s: after(story.endMs, story.backMs) }));
  return sentences.join(" ");
}
