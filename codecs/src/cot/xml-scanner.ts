/**
 * A scanner for small XML documents and fragments over octets: no tree, no strings but those asked for, bounded in
 * depth, attributes and elements. It admits well-formed UTF-8 without DTD; comments and processing instructions
 * are stepped over, everything else comes out as open, close and text tokens.
 */
import { decodeUtf8, isUtf8 } from "../text/utf8.ts";
import { referenceLength, unescapeXml } from "./xml-text.ts";

export const XmlToken = { end: 0, open: 1, close: 2, text: 3, malformed: -1 } as const;
export type XmlToken = (typeof XmlToken)[keyof typeof XmlToken];

export const MAX_XML_DEPTH = 32;
export const MAX_XML_ATTRIBUTES = 64;
export const MAX_XML_ELEMENTS = 4096;

const LESS = 0x3c;
const GREATER = 0x3e;
const SLASH = 0x2f;
const EQUALS = 0x3d;
const AMPERSAND = 0x26;
const BANG = 0x21;
const QUESTION = 0x3f;
const BRACKET = 0x5d;
const NAME_START = 1;
const NAME = 2;
const SPACE = 4;
const TEXT = 8;

/** What each octet may be part of. Octets from 0x80 belong to names here; isUtf8 has judged them before. */
const KINDS = new Uint8Array(256);
for (let octet = 0x20; octet < 256; octet++) KINDS[octet] = TEXT;
for (const space of [9, 10, 13, 32]) KINDS[space] = TEXT | SPACE;
for (let octet = 0x80; octet < 256; octet++) KINDS[octet] = TEXT | NAME | NAME_START;
for (let letter = 0; letter < 26; letter++) {
  KINDS[0x41 + letter] = TEXT | NAME | NAME_START;
  KINDS[0x61 + letter] = TEXT | NAME | NAME_START;
}
for (const mark of [0x5f, 0x3a]) KINDS[mark] = TEXT | NAME | NAME_START;
for (const mark of [0x2d, 0x2e]) KINDS[mark] = TEXT | NAME;
for (let digit = 0x30; digit <= 0x39; digit++) KINDS[digit] = TEXT | NAME;

export class XmlScanner {
  /** Octets of the last token: [tokenFrom, at). */
  tokenFrom = 0;
  at = 0;
  /** Elements that are open after the last token. */
  depth = 0;
  /** The last open token was `<name/>`; its close token follows all the same. */
  selfClosing = false;
  attributeCount = 0;
  #octets: Uint8Array = new Uint8Array(0);
  #end = 0;
  #fragment = false;
  #rootSeen = false;
  #elements = 0;
  #nameFrom = 0;
  #nameTo = 0;
  #textFrom = 0;
  #textTo = 0;
  #cdata = false;
  #pendingClose = false;
  readonly #stack = new Int32Array(2 * MAX_XML_DEPTH);
  /** Four places an attribute: name from, to, value from, to. */
  readonly #attributes = new Int32Array(4 * MAX_XML_ATTRIBUTES);

  /** Begins at `offset`; a fragment may have any number of elements and text around them. False if not UTF-8. */
  start(octets: Uint8Array, offset: number, length: number, fragment: boolean): boolean {
    this.#octets = octets;
    this.#end = offset + length;
    this.at = offset;
    this.depth = 0;
    this.#fragment = fragment;
    this.#rootSeen = false;
    this.#pendingClose = false;
    this.#elements = 0;
    if (!isUtf8(octets, offset, length)) return false;
    if (length >= 3 && octets[offset] === 0xef && octets[offset + 1] === 0xbb && octets[offset + 2] === 0xbf) {
      this.at += 3;
    }
    return fragment || this.#skipDeclaration();
  }

  /** The next token; after `end` or `malformed` there is none. */
  next(): XmlToken {
    if (this.#pendingClose) {
      this.#pendingClose = false;
      this.depth--;
      this.tokenFrom = this.at;
      return XmlToken.close;
    }
    while (this.at < this.#end) {
      this.tokenFrom = this.at;
      if (this.#octets[this.at] !== LESS) {
        if (this.depth > 0 || this.#fragment) return this.#text();
        // Outside the root there is nothing but white space.
        this.at = this.#skipSpace(this.at);
        if (this.at === this.tokenFrom) return XmlToken.malformed;
        continue;
      }
      const second = this.#octets[this.at + 1];
      if (second === SLASH) return this.#close();
      if (second === BANG && this.#startsWith("<![CDATA[")) return this.#characterData();
      if (second !== BANG && second !== QUESTION) return this.#open();
      if (!(second === BANG ? this.#skipComment() : this.#skipInstruction())) return XmlToken.malformed;
    }
    this.tokenFrom = this.at;
    return this.depth === 0 && (this.#fragment || this.#rootSeen) ? XmlToken.end : XmlToken.malformed;
  }

  /** Steps to the close token of the element that was just opened; false if malformed on the way. */
  skipElement(): boolean {
    const depth = this.depth;
    for (;;) {
      const token = this.next();
      if (token === XmlToken.malformed || token === XmlToken.end) return false;
      if (token === XmlToken.close && this.depth < depth) return true;
    }
  }

  nameIs(name: string): boolean {
    return this.#rangeIs(this.#nameFrom, this.#nameTo, name);
  }

  attributeName(index: number): string {
    return this.#string(this.#attributes[4 * index] as number, this.#attributes[4 * index + 1] as number);
  }

  /** Value with its references resolved; white space as single blanks, XML 1.0 3.3.3. */
  attributeValue(index: number): string {
    const raw = this.#string(this.#attributes[4 * index + 2] as number, this.#attributes[4 * index + 3] as number);
    return unescapeXml(/[\t\n\r]/.test(raw) ? raw.replace(/\r\n|[\t\n\r]/g, " ") : raw);
  }

  /** Value of the attribute of that name, undefined if there is none. */
  attribute(name: string): string | undefined {
    for (let index = 0; index < this.attributeCount; index++) {
      if (this.#rangeIs(this.#attributes[4 * index] as number, this.#attributes[4 * index + 1] as number, name)) {
        return this.attributeValue(index);
      }
    }
    return undefined;
  }

  /** Characters of the last text token. */
  text(): string {
    const raw = this.#string(this.#textFrom, this.#textTo).replace(/\r\n?/g, "\n");
    return this.#cdata ? raw : unescapeXml(raw);
  }

  #string(from: number, to: number): string {
    return decodeUtf8(this.#octets, from, to - from) ?? "";
  }

  #rangeIs(from: number, to: number, name: string): boolean {
    if (to - from !== name.length) return false;
    for (let index = 0; index < name.length; index++) {
      if (this.#octets[from + index] !== name.charCodeAt(index)) return false;
    }
    return true;
  }

  #startsWith(text: string): boolean {
    return this.#end - this.at >= text.length && this.#rangeIs(this.at, this.at + text.length, text);
  }

  #kind(at: number): number {
    return at < this.#end ? (KINDS[this.#octets[at] as number] as number) : 0;
  }

  #skipSpace(from: number): number {
    let at = from;
    while ((this.#kind(at) & SPACE) !== 0) at++;
    return at;
  }

  #skipName(from: number): number {
    if ((this.#kind(from) & NAME_START) === 0) return from;
    let at = from + 1;
    while ((this.#kind(at) & NAME) !== 0) at++;
    return at;
  }

  #open(): XmlToken {
    if (this.depth === 0 && this.#rootSeen && !this.#fragment) return XmlToken.malformed;
    if (this.depth >= MAX_XML_DEPTH || ++this.#elements > MAX_XML_ELEMENTS) return XmlToken.malformed;
    this.#nameFrom = this.at + 1;
    this.#nameTo = this.#skipName(this.#nameFrom);
    if (this.#nameTo === this.#nameFrom) return XmlToken.malformed;
    const at = this.#readAttributes(this.#nameTo);
    if (at < 0) return XmlToken.malformed;
    this.selfClosing = this.#octets[at] === SLASH;
    this.at = this.selfClosing ? at + 2 : at + 1;
    if (this.selfClosing && (this.at > this.#end || this.#octets[at + 1] !== GREATER)) return XmlToken.malformed;
    this.#stack[2 * this.depth] = this.#nameFrom;
    this.#stack[2 * this.depth + 1] = this.#nameTo;
    this.depth++;
    this.#rootSeen = true;
    this.#pendingClose = this.selfClosing;
    return XmlToken.open;
  }

  /** Reads up to the `>` or `/` of an open tag and returns where it stands; -1 if malformed. */
  #readAttributes(from: number): number {
    this.attributeCount = 0;
    let at = from;
    for (;;) {
      const spaced = this.#skipSpace(at);
      if (spaced >= this.#end) return -1;
      const octet = this.#octets[spaced];
      if (octet === GREATER || octet === SLASH) return spaced;
      if (spaced === at || this.attributeCount === MAX_XML_ATTRIBUTES) return -1;
      at = this.#readAttribute(spaced);
      if (at < 0 || this.#isRepeated()) return -1;
      this.attributeCount++;
    }
  }

  #readAttribute(nameFrom: number): number {
    const nameTo = this.#skipName(nameFrom);
    const equals = this.#skipSpace(nameTo);
    if (nameTo === nameFrom || equals >= this.#end || this.#octets[equals] !== EQUALS) return -1;
    const opening = this.#skipSpace(equals + 1);
    const quote = opening < this.#end ? (this.#octets[opening] as number) : 0;
    if (quote !== 0x22 && quote !== 0x27) return -1;
    const valueTo = this.#skipCharacters(opening + 1, quote);
    if (valueTo < 0 || valueTo >= this.#end || this.#octets[valueTo] !== quote) return -1;
    const base = 4 * this.attributeCount;
    this.#attributes[base] = nameFrom;
    this.#attributes[base + 1] = nameTo;
    this.#attributes[base + 2] = opening + 1;
    this.#attributes[base + 3] = valueTo;
    return valueTo + 1;
  }

  /** XML 1.0 3.1: no attribute name twice in one tag. */
  #isRepeated(): boolean {
    const last = 4 * this.attributeCount;
    for (let other = 0; other < last; other += 4) {
      if (this.#sameRange(other, last)) return true;
    }
    return false;
  }

  #sameRange(one: number, other: number): boolean {
    const from = this.#attributes[one] as number;
    const otherFrom = this.#attributes[other] as number;
    const length = (this.#attributes[one + 1] as number) - from;
    if ((this.#attributes[other + 1] as number) - otherFrom !== length) return false;
    return this.#sameOctets(from, otherFrom, length);
  }

  #sameOctets(from: number, otherFrom: number, length: number): boolean {
    for (let index = 0; index < length; index++) {
      if (this.#octets[from + index] !== this.#octets[otherFrom + index]) return false;
    }
    return true;
  }

  /** Steps over characters and references up to `<` or `stop`; -1 if one is not allowed. */
  #skipCharacters(from: number, stop: number): number {
    let at = from;
    while (at < this.#end) {
      const octet = this.#octets[at] as number;
      if (octet === LESS || octet === stop) return at;
      if (octet === AMPERSAND) {
        const length = referenceLength(this.#octets, at, this.#end);
        if (length === 0) return -1;
        at += length;
        continue;
      }
      if (((KINDS[octet] as number) & TEXT) === 0) return -1;
      at++;
    }
    return at;
  }

  #text(): XmlToken {
    const to = this.#skipCharacters(this.at, LESS);
    if (to < 0) return XmlToken.malformed;
    this.#textFrom = this.at;
    this.#textTo = to;
    this.#cdata = false;
    this.at = to;
    return this.#endsCharacterData() ? XmlToken.malformed : XmlToken.text;
  }

  /** XML 1.0 2.4: `]]>` does not stand in character data. */
  #endsCharacterData(): boolean {
    for (let at = this.#textFrom + 2; at < this.#textTo; at++) {
      if (this.#octets[at] !== GREATER) continue;
      if (this.#octets[at - 1] === BRACKET && this.#octets[at - 2] === BRACKET) return true;
    }
    return false;
  }

  #close(): XmlToken {
    if (this.depth === 0) return XmlToken.malformed;
    const nameFrom = this.at + 2;
    const nameTo = this.#skipName(nameFrom);
    const at = this.#skipSpace(nameTo);
    const openFrom = this.#stack[2 * (this.depth - 1)] as number;
    const length = (this.#stack[2 * (this.depth - 1) + 1] as number) - openFrom;
    if (at >= this.#end || this.#octets[at] !== GREATER || nameTo - nameFrom !== length) return XmlToken.malformed;
    if (!this.#sameOctets(openFrom, nameFrom, length)) return XmlToken.malformed;
    this.depth--;
    this.at = at + 1;
    return XmlToken.close;
  }

  #characterData(): XmlToken {
    if (this.depth === 0 && !this.#fragment) return XmlToken.malformed;
    this.#textFrom = this.at + 9;
    this.#textTo = this.#find("]]>", this.#textFrom);
    if (this.#textTo < 0) return XmlToken.malformed;
    this.#cdata = true;
    this.at = this.#textTo + 3;
    return XmlToken.text;
  }

  /** XML 1.0 2.5: a comment holds no `--`. Anything else that begins with `<!` is a DTD, and refused. */
  #skipComment(): boolean {
    if (!this.#startsWith("<!--")) return false;
    const to = this.#find("--", this.at + 4);
    if (to < 0 || to + 2 >= this.#end || this.#octets[to + 2] !== GREATER) return false;
    this.at = to + 3;
    return true;
  }

  #skipInstruction(): boolean {
    const targetTo = this.#skipName(this.at + 2);
    if (targetTo === this.at + 2) return false;
    // XML 1.0 2.6: the target `xml` is kept for the declaration, which stands first or nowhere.
    if (targetTo === this.at + 5 && /^xml$/i.test(this.#string(this.at + 2, targetTo))) return false;
    return this.#skipTo("?>", targetTo);
  }

  #skipDeclaration(): boolean {
    if (!this.#startsWith("<?xml") || (this.#kind(this.at + 5) & SPACE) === 0) return true;
    const from = this.at;
    if (!this.#skipTo("?>", from + 5)) return false;
    const encoding = /encoding\s*=\s*["']([^"']*)["']/.exec(this.#string(from, this.at));
    return encoding === null || /^(utf-?8|us-ascii)$/i.test(encoding[1] as string);
  }

  #skipTo(mark: string, from: number): boolean {
    const found = this.#find(mark, from);
    if (found < 0) return false;
    this.at = found + mark.length;
    return true;
  }

  /** Where `mark` next stands; -1 if nowhere or if a character before it is not allowed. */
  #find(mark: string, from: number): number {
    for (let at = from; at + mark.length <= this.#end; at++) {
      if (this.#rangeIs(at, at + mark.length, mark)) return at;
      if ((this.#kind(at) & TEXT) === 0) return -1;
    }
    return -1;
  }
}
