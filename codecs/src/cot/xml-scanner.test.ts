import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { decodeUtf8, encodeUtf8 } from "../text/utf8.ts";
import { MAX_XML_ATTRIBUTES, MAX_XML_DEPTH, MAX_XML_ELEMENTS, XmlScanner, XmlToken } from "./xml-scanner.ts";
import { escapeXml, unescapeXml } from "./xml-text.ts";

/** A transcript: `<name a=b` for open, `>` for close, text in quotes; `!` at the end where malformed. */
function scan(xml: string, fragment = false): string {
  const octets = encodeUtf8(xml);
  const scanner = new XmlScanner();
  if (!scanner.start(octets, 0, octets.length, fragment)) return "!";
  let transcript = "";
  for (;;) {
    const token = scanner.next();
    if (token === XmlToken.end) return transcript;
    if (token === XmlToken.malformed) return `${transcript}!`;
    if (token === XmlToken.close) transcript += ">";
    if (token === XmlToken.text) transcript += `'${scanner.text()}'`;
    if (token === XmlToken.open) transcript += describe(scanner, octets);
  }
}

function describe(scanner: XmlScanner, octets: Uint8Array): string {
  const tag = decodeUtf8(octets, scanner.tokenFrom, octets.length - scanner.tokenFrom) ?? "";
  const name = /^<([^\s/>]+)/.exec(tag)?.[1] ?? "?";
  assert.ok(scanner.nameIs(name));
  let text = `<${name}`;
  for (let index = 0; index < scanner.attributeCount; index++) {
    text += ` ${scanner.attributeName(index)}=${scanner.attributeValue(index)}`;
  }
  return text;
}

test("admits well-formed documents", () => {
  const cases: [string, string][] = [
    ["<a/>", "<a>"],
    ["<?xml version='1.0' encoding='utf-8'?>\n<a></a>\n<!-- end -->\n", "<a>"],
    ["\ufeff<a b='1' c = \"2\"/>", "<a b=1 c=2>"],
    ["<a><b>x</b>y<c/></a>", "<a<b'x'>'y'<c>>"],
    ["<a>&lt;&#65;&#x4e2d;&amp;amp;</a>", "<a'<A中&amp;'>"],
    ["<a b='&quot;&apos;&#10;\n'/>", "<a b=\"'\n >"],
    ["<a><![CDATA[<b>&amp;]]]]></a>", "<a'<b>&amp;]]'>"],
    ["<a>1\r\n2\r3</a>", "<a'1\n2\n3'>"],
    ["<a><!-- - --><?p q?></a >", "<a>"],
    ["<ns:a x.y-z_='>'/>", "<ns:a x.y-z_=>>"],
    [" \n <a/>", "<a>"],
    [`<a/>${" <!---->".repeat(8000)}`, "<a>"],
  ];
  for (const [xml, expected] of cases) assert.is(scan(xml), expected, xml.slice(0, 60));
});

test("refuses everything else", () => {
  const refused = [
    "",
    "x",
    "<a",
    "<a>",
    "<a></b>",
    "</a>",
    "<a/><b/>",
    "<a/>x",
    "<a b/>",
    "<a b=1/>",
    "<a b='1'c='2'/>",
    "<a b='1' b='2'/>",
    "<a b='<'/>",
    "<a b='&'/>",
    "<a>&nbsp;</a>",
    "<a>&#0;</a>",
    "<a>&#xd800;</a>",
    "<a>&#x110000;</a>",
    "<a>&lt</a>",
    "<a>]]></a>",
    "<a><![CDATA[x</a>",
    "<![CDATA[x]]>",
    "<a><!-- -- --></a>",
    "<a><!-- </a>",
    "<a>\u0001</a>",
    "<a b='\u0000'/>",
    "< a/>",
    "<1/>",
    "<a / >",
    "<a/",
    "<?xml version='1.0' encoding='utf-16'?><a/>",
    "<a><?xml version='1.0'?></a>",
    "<a><?XML x?></a>",
    "<!DOCTYPE a><a/>",
    "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
    "<a><!ELEMENT b ANY></a>",
  ];
  for (const xml of refused) assert.ok(scan(xml).endsWith("!"), xml);
});

test("a fragment has any number of elements and text, a document one", () => {
  assert.is(scan("a<b/>c<d/>", true), "'a'<b>'c'<d>");
  assert.is(scan("", true), "");
  assert.ok(scan("<b/></c>", true).endsWith("!"));
});

test("depth, attributes and elements have limits", () => {
  const nested = (depth: number) => "<a>".repeat(depth) + "</a>".repeat(depth);
  assert.not(scan(nested(MAX_XML_DEPTH)).endsWith("!"));
  assert.ok(scan(nested(MAX_XML_DEPTH + 1)).endsWith("!"));
  const wide = (count: number) => `<a${Array.from({ length: count }, (_, index) => ` b${index}='1'`).join("")}/>`;
  assert.not(scan(wide(MAX_XML_ATTRIBUTES)).endsWith("!"));
  assert.ok(scan(wide(MAX_XML_ATTRIBUTES + 1)).endsWith("!"));
  const many = (count: number) => `<a>${"<b/>".repeat(count - 1)}</a>`;
  assert.not(scan(many(MAX_XML_ELEMENTS)).endsWith("!"));
  assert.ok(scan(many(MAX_XML_ELEMENTS + 1)).endsWith("!"));
});

test("escaped text comes back, as attribute and as content", () => {
  const legal = fc.string({ unit: "binary", maxLength: 30 }).map((text) => unescapeXml(escapeXml(text)));
  fc.assert(
    fc.property(legal, (text) => {
      const escaped = escapeXml(text);
      assert.is(scan(`<a b="${escaped}"/>`), `<a b=${text}>`);
      assert.is(scan(`<a>${escaped}</a>`), text === "" ? "<a>" : `<a'${text}'>`);
    }),
    { numRuns: 500 },
  );
});

test("never throws and always ends on any octets", () => {
  const scanner = new XmlScanner();
  const lively = fc.array(
    fc.constantFrom(..."<>/='\"&;!-[]?#x a".split(""), "<a>", "</a>", "<![CDATA[", "]]>", "<!--"),
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        lively.map((parts) => encodeUtf8(parts.join(""))),
      ),
      fc.boolean(),
      (octets, fragment) => {
        if (!scanner.start(octets, 0, octets.length, fragment)) return;
        let tokens = 0;
        for (;;) {
          const token = scanner.next();
          if (token === XmlToken.end || token === XmlToken.malformed) return;
          assert.ok(++tokens <= octets.length * 2);
        }
      },
    ),
    { numRuns: 5000 },
  );
});

test.run();
