/** Names what word processors, chats and web pages make of quotes, dashes and blanks: it looks right, and no program takes it. */

const quotes = /[\u2018-\u201f\u00ab\u00bb\u2039\u203a\u2032\u2033]/;
const dashes = /[\u2010-\u2015\u2212]/;
const blanks = /[\u00a0\u2000-\u200b\u202f\u3000\ufeff]/;

/** What to do about the first of them in a text; undefined where there is none. */
export function typographicHint(text: string): string | undefined {
  const [quote] = quotes.exec(text) ?? [];
  if (quote !== undefined) return `${quote} is a curly quote, as text programs make it: write a straight one, " or '`;
  const [dash] = dashes.exec(text) ?? [];
  if (dash !== undefined) return `${dash} is a long dash, as text programs make it: write -, the one on the keyboard`;
  return blanks.test(text) ? "there is a special blank in it, as web pages have them: write an ordinary one" : undefined;
}

/** The text as it was meant: an option that begins with a long dash had two before something made one of them. */
export function plainTypography(text: string): string {
  const isOption = /^[\u2010-\u2015\u2212]\w{2}/.test(text);
  const plain = text.replaceAll(new RegExp(dashes, "g"), "-").replaceAll(new RegExp(blanks, "g"), " ");
  return `${isOption ? "-" : ""}${plain.replaceAll(new RegExp(quotes, "g"), "")}`.trim();
}
