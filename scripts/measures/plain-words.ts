/** Words that do not stand in comments, messages, test titles and docs, each with what the field says instead. */

interface AvoidedWord {
  readonly pattern: RegExp;
  readonly better: string;
}

const people = "the client, the peer, the program, the user";

const avoidedWords: readonly AvoidedWord[] = [
  { pattern: /\bwhoever\b|\b(?:some|no|any)body\b|\bsomeone\b/gi, better: people },
  { pattern: /\bfar ends?\b/gi, better: "peer" },
  // "There is no pod" is plain; `"api" is no pod` is not.
  { pattern: /(?<!\bthere )\b(?:is|are) no (?!longer\b|more\b|such\b|other\b|need\b|way\b)["`$\w{]+/gi, better: "is not a" },
  { pattern: /\b(?:take|takes|taken|taking|took) up\b/gi, better: "accept" },
  { pattern: /\b(?:held|hold|holds|holding) up\b/gi, better: "blocked, delayed" },
  { pattern: /\bof before\b(?!\.)/gi, better: "previous" },
  { pattern: /\bmanieth\b/gi, better: "sequence number" },
  { pattern: /\b(?:is|are|was|were) told\b/gi, better: "is reported, is notified, reads" },
  { pattern: /\b(?:is|are) to be\b/gi, better: "must be, will be, is" },
  { pattern: /\bin the midst of\b/gi, better: "during" },
  { pattern: /\bspeaks? another\b/gi, better: "uses a different" },
];

/** What of this stands in a text, with what would be better. */
export function avoidedIn(text: string): string[] {
  return avoidedWords.flatMap(({ pattern, better }) => [...text.matchAll(pattern)].map(([found]) => `"${found}" (${better})`));
}
