import type { PolicyCap, PolicyClass, PolicyDocument } from "@skein/node-agent/api";
import { useState } from "preact/hooks";
import { useTranslate } from "../i18n/context.ts";
import { useConsole } from "./console-context.ts";

const CLASSES = ["voice", "command", "video", "bulk"] as const;
type ClassName = (typeof CLASSES)[number];
const NEW_CAP = { per: "month", reservePercent: 5, counts: "both" } as const;

/** What is being edited, as text; what is not in it is as the policy in force has it. */
interface Draft {
  bearers: Record<string, Partial<Record<"cost" | "preference" | "cap", string>>>;
  copies: Partial<Record<ClassName, Partial<Record<"calm" | "risk", string>>>>;
  maxKbps: Partial<Record<ClassName, string>>;
  /** By class and bearer: may it be used? */
  uses: Record<string, boolean>;
}
const NOTHING: Draft = { bearers: {}, copies: {}, maxKbps: {}, uses: {} };

/**
 * What bearers cost and may carry, what classes may use: edited as text, published as one document. What has no field here
 * (a cap by the day, its reserve) stays as it was set by `skein policy`.
 */
export function PolicyEditor() {
  const t = useTranslate();
  const { picture, session } = useConsole();
  const { version, document, nodes } = picture.policy;
  const [draft, setDraft] = useState<Draft>(NOTHING);
  const [result, setResult] = useState("");
  const names = [...new Set([...picture.bearers.map((b) => b.name), ...Object.keys(document?.bearers ?? {})])];
  const ruled = (name: string) => document?.bearers[name];
  const figures = (name: string) => ({
    cost: String(ruled(name)?.costCentsPerMegabyte ?? ""),
    preference: String(ruled(name)?.preference ?? ""),
    cap: String(ruled(name)?.cap?.megabytes ?? ""),
    ...draft.bearers[name],
  });
  const copies = (name: ClassName) => {
    const { calm, risk } = document?.classes[name]?.copies ?? {};
    return { calm: String(calm ?? ""), risk: String(risk ?? ""), ...draft.copies[name] };
  };
  const maxKbps = (name: ClassName): string => draft.maxKbps[name] ?? String(document?.classes[name]?.maxKbps ?? "");
  const uses = (name: ClassName, bearer: string): boolean =>
    draft.uses[`${name} ${bearer}`] ?? mayUse(document?.classes[name], bearer);
  const setBearer = (name: string, change: Draft["bearers"][string]): void =>
    setDraft({ ...draft, bearers: { ...draft.bearers, [name]: { ...draft.bearers[name], ...change } } });
  const setCopies = (name: ClassName, change: { calm?: string; risk?: string }): void =>
    setDraft({ ...draft, copies: { ...draft.copies, [name]: { ...draft.copies[name], ...change } } });

  const publish = async (): Promise<void> => {
    const bearers: PolicyDocument["bearers"] = {};
    for (const name of names) {
      const { cost, preference, cap } = figures(name);
      const limit = capOf(cap, ruled(name)?.cap);
      bearers[name] = {
        ...number("costCentsPerMegabyte", cost),
        ...number("preference", preference),
        ...(limit === undefined ? {} : { cap: limit }),
      };
    }
    const classes: PolicyDocument["classes"] = {};
    for (const name of CLASSES) {
      const never = names.filter((bearer) => !uses(name, bearer));
      const both = copiesOf(copies(name));
      const rule: PolicyClass = {
        ...(both === undefined ? {} : { copies: both }),
        ...(never.length === 0 ? {} : { never }),
        ...number("maxKbps", maxKbps(name)),
      };
      if (Object.keys(rule).length > 0) classes[name] = rule;
    }
    const reply = await session.send({ do: "policy", document: { version: 0, bearers, classes } });
    if (reply.ok) setDraft(NOTHING);
    setResult(
      reply.ok ? t("policy.published", { version: version + 1 }) : t("policy.failed", { reason: reply.message }),
    );
  };

  const has = nodes.filter((node) => node.version >= version).length;
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
            <th>{t("policy.cap")}</th>
            {CLASSES.map((name) => (
              <th key={name}>{t(`policy.class.${name}`)}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {names.map((bearer) => (
            <tr key={bearer}>
              <td>
                <b>{bearer}</b>
              </td>
              {(["cost", "preference", "cap"] as const).map((field) => (
                <td key={field}>
                  <NumberField
                    value={figures(bearer)[field]}
                    label={`${bearer} ${field}`}
                    onInput={(value) => setBearer(bearer, { [field]: value })}
                  />
                </td>
              ))}
              {CLASSES.map((name) => (
                <td key={name}>
                  <input
                    type="checkbox"
                    aria-label={`${name} ${bearer}`}
                    checked={uses(name, bearer)}
                    onChange={(event) =>
                      setDraft({
                        ...draft,
                        uses: { ...draft.uses, [`${name} ${bearer}`]: event.currentTarget.checked },
                      })
                    }
                  />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      <div class="policy-side">
        <p class="dim">
          {version === 0 ? t("policy.none") : t("policy.version", { version })}
          {nodes.length > 0 && ` · ${t("policy.nodes", { has, all: nodes.length })}`}
        </p>
        <h3>{t("policy.copies")}</h3>
        <div class="policy-classes">
          {CLASSES.map((name) => (
            <div key={name}>
              <span>{t(`policy.class.${name}`)}</span>
              <NumberField
                value={copies(name).calm}
                label={`${name} copies`}
                onInput={(calm) => setCopies(name, { calm })}
              />
              <NumberField
                value={copies(name).risk}
                label={`${name} copies at risk`}
                onInput={(risk) => setCopies(name, { risk })}
              />
              <NumberField
                value={maxKbps(name)}
                label={`${name} kbit/s`}
                onInput={(value) => setDraft({ ...draft, maxKbps: { ...draft.maxKbps, [name]: value } })}
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

function mayUse(rule: PolicyClass | undefined, bearer: string): boolean {
  if (rule?.only !== undefined) return rule.only.includes(bearer);
  return rule?.never?.includes(bearer) !== true;
}

/** No cap if the field is empty; a new one is by the month. */
function capOf(text: string, before: PolicyCap | undefined): PolicyCap | undefined {
  const megabytes = Number(text);
  if (text.trim() === "" || !Number.isFinite(megabytes)) return undefined;
  return { ...(before ?? NEW_CAP), megabytes };
}

/** One field alone stands for both as far as that makes sense. */
function copiesOf({ calm, risk }: { calm: string; risk: string }): PolicyClass["copies"] | undefined {
  if (calm.trim() === "" && risk.trim() === "") return undefined;
  const ordinarily = calm.trim() === "" ? 1 : Number(calm);
  return { calm: ordinarily, risk: risk.trim() === "" ? ordinarily : Number(risk) };
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
