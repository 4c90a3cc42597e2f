import { useState } from "preact/hooks";
import { useTranslate } from "../i18n/context.ts";
import { useConsole } from "./console-context.ts";

const CLASSES = ["voice", "command", "video", "bulk", "sos"] as const;

interface Draft {
  bearers: Record<string, { cost: string; preference: string }>;
  copies: Record<string, string>;
}

/** Cost and preference of bearers, copies of classes: edited as text, published as one document. */
export function PolicyEditor() {
  const t = useTranslate();
  const { picture, session } = useConsole();
  const { version, document } = picture.policy;
  const [draft, setDraft] = useState<Draft>({ bearers: {}, copies: {} });
  const [result, setResult] = useState("");
  const names = [...new Set([...picture.bearers.map((b) => b.name), ...Object.keys(document?.bearers ?? {})])];
  const ruled = (name: string) => document?.bearers[name];
  const figures = (name: string) =>
    draft.bearers[name] ?? {
      cost: String(ruled(name)?.costCentsPerMegabyte ?? ""),
      preference: String(ruled(name)?.preference ?? ""),
    };
  const copies = (name: string): string => draft.copies[name] ?? String(document?.classes[name]?.copies ?? "");
  const setBearer = (name: string, change: Partial<Draft["bearers"][string]>): void =>
    setDraft({ ...draft, bearers: { ...draft.bearers, [name]: { ...figures(name), ...change } } });

  const publish = async (): Promise<void> => {
    const bearers = Object.fromEntries(
      names.map((name) => {
        const { cost, preference } = figures(name);
        return [name, { ...number("costCentsPerMegabyte", cost), ...number("preference", preference) }];
      }),
    );
    const classes = Object.fromEntries(CLASSES.map((name) => [name, number("copies", copies(name))]));
    const reply = await session.send({ do: "policy", document: { version: 0, bearers, classes } });
    if (reply.ok) setDraft({ bearers: {}, copies: {} });
    setResult(
      reply.ok ? t("policy.published", { version: version + 1 }) : t("policy.failed", { reason: reply.message }),
    );
  };

  return (
    <div class="policy">
      <table class="grid">
        <thead>
          <tr>
            <th>{t("bearers.bearer")}</th>
            <th>
              {t("links.cost")} ({t("links.perMegabyte")})
            </th>
            <th>{t("policy.preference")}</th>
          </tr>
        </thead>
        <tbody>
          {names.map((name) => (
            <tr key={name}>
              <td>
                <b>{name}</b>
              </td>
              <td>
                <NumberField
                  value={figures(name).cost}
                  label={`${name} cost`}
                  onInput={(cost) => setBearer(name, { cost })}
                />
              </td>
              <td>
                <NumberField
                  value={figures(name).preference}
                  label={`${name} preference`}
                  onInput={(preference) => setBearer(name, { preference })}
                />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <div class="policy-side">
        <p class="dim">{version === 0 ? t("policy.none") : t("policy.version", { version })}</p>
        <h3>{t("policy.copies")}</h3>
        <div class="policy-classes">
          {CLASSES.map((name) => (
            <div key={name}>
              <span>{t(`policy.class.${name}`)}</span>
              <NumberField
                value={copies(name)}
                label={`${name} copies`}
                onInput={(value) => setDraft({ ...draft, copies: { ...draft.copies, [name]: value } })}
              />
            </div>
          ))}
        </div>
        <button type="button" class="primary" data-testid="policy-publish" onClick={publish}>
          {t("policy.publish")}
        </button>
        <p class="dim">{result || t("policy.hint")}</p>
      </div>
    </div>
  );
}

function NumberField({ value, label, onInput }: { value: string; label: string; onInput: (value: string) => void }) {
  return (
    <input
      type="number"
      class="number-field"
      aria-label={label}
      value={value}
      placeholder="–"
      onInput={(event) => onInput(event.currentTarget.value)}
    />
  );
}

/** A field left empty is left out of the document. */
function number(name: string, text: string): Record<string, number> {
  const value = Number(text);
  return text.trim() === "" || !Number.isFinite(value) ? {} : { [name]: value };
}
