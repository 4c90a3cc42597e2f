import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Language } from "../../../src/api/messages.ts";
import { en, type TextKey } from "./en.ts";
import { fillIn } from "./translate.ts";
import { zhCn } from "./zh-cn.ts";

const DICTIONARIES = { en, "zh-CN": zhCn } as const;

export type Translate = (key: TextKey, values?: Readonly<Record<string, string | number>>) => string;

export function translator(language: Language): Translate {
  const dictionary = DICTIONARIES[language];
  return (key, values) => fillIn(dictionary[key], values);
}

export const TranslateContext = createContext<Translate>(translator("en"));

export function useTranslate(): Translate {
  return useContext(TranslateContext);
}
