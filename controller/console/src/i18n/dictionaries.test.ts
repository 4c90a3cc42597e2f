import { test } from "uvu";
import * as assert from "uvu/assert";
import { handsetEn, handsetZhCn } from "../../handset/src/texts.ts";
import { en } from "./en.ts";
import { fillIn, placeholders } from "./translate.ts";
import { zhCn } from "./zh-cn.ts";

const PAIRS: [string, Record<string, string>, Record<string, string>][] = [
  ["console", en, zhCn],
  ["handset", handsetEn, handsetZhCn],
];
/** Texts that are the same in both languages on purpose. */
const SHARED = new Set(["unit.never"]);

for (const [page, english, chinese] of PAIRS) {
  test(`${page}: both dictionaries have the same keys and no empty text`, () => {
    assert.equal(Object.keys(chinese).sort(), Object.keys(english).sort());
    for (const text of [...Object.values(english), ...Object.values(chinese)]) assert.ok(text.trim() !== "");
  });

  test(`${page}: a translation has the placeholders of its text`, () => {
    for (const [key, text] of Object.entries(english)) {
      assert.equal(placeholders(chinese[key] ?? ""), placeholders(text), key);
    }
  });

  test(`${page}: Chinese texts are Chinese`, () => {
    for (const [key, text] of Object.entries(chinese)) {
      // The language button says the other language's own name.
      if (SHARED.has(key) || key.endsWith("language")) continue;
      assert.match(text, /\p{Script=Han}/u, key);
    }
  });
}

test("placeholders are filled, and one without a value stays to be seen", () => {
  assert.is(fillIn("{a} of {b}", { a: 0 }), "0 of {b}");
});

test.run();
