/** Character data of XML 1.0: escapes out, references in. No entity but the five that XML itself declares. */

const NAMED: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };
const REFERENCE = /&(?:#(\d{1,7})|#x([0-9a-fA-F]{1,6})|([a-z]{2,4}));/g;
const ESCAPED = /[&<>"\t\n\r]/g;
/** Characters that XML 1.0 cannot hold, not even as references (section 2.2). */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;

/** `text` fit for an attribute value in double quotes or for element content. */
export function escapeXml(text: string): string {
  return text.replace(FORBIDDEN, "\ufffd").replace(ESCAPED, escapeOne);
}

function escapeOne(character: string): string {
  switch (character) {
    case "&":
      return "&amp;";
    case "<":
      return "&lt;";
    case ">":
      return "&gt;";
    case '"':
      return "&quot;";
    default:
      // White space that a parser would normalise away.
      return `&#${character.charCodeAt(0)};`;
  }
}

/** Resolves the references that the scanner has already found well formed. */
export function unescapeXml(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(REFERENCE, (whole, decimal: string, hexadecimal: string, name: string) => {
    if (name !== undefined) return NAMED[name] ?? whole;
    const point = decimal === undefined ? Number.parseInt(hexadecimal, 16) : Number.parseInt(decimal, 10);
    return isXmlCharacter(point) ? String.fromCodePoint(point) : whole;
  });
}

/** XML 1.0 section 2.2, Char. */
function isXmlCharacter(point: number): boolean {
  if (point < 0x20) return point === 9 || point === 10 || point === 13;
  return point < 0xd800 || (point > 0xdfff && point < 0xfffe) || (point > 0xffff && point <= 0x10ffff);
}

/** Octets of the reference that begins with the `&` at `at`; 0 if it is not well formed or not declared. */
export function referenceLength(octets: Uint8Array, at: number, end: number): number {
  let text = "";
  for (let index = at + 1; index < end && index < at + 10; index++) {
    const octet = octets[index] as number;
    if (octet !== 0x3b) {
      text += String.fromCharCode(octet);
      continue;
    }
    return isReference(text) ? index + 1 - at : 0;
  }
  return 0;
}

function isReference(text: string): boolean {
  if (/^#\d+$/.test(text)) return isXmlCharacter(Number.parseInt(text.slice(1), 10));
  if (/^#x[0-9a-fA-F]+$/.test(text)) return isXmlCharacter(Number.parseInt(text.slice(2), 16));
  return Object.hasOwn(NAMED, text);
}
