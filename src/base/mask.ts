/** Takes secrets out of texts: those that are known, and what looks like one; pure. */

export const mask = "***";

/** Shorter ones would be found in innocent words. */
const shortestChars = 6;

/** What names of variables, settings, parameters and flags have in them whose value is secret. */
const plainWord =
  "secret|passw|passphrase|(?<![a-z])pass(?![a-z])|[_-]pwd|(?:api|access|private|signing|encryption)[_-]?key|cookie|dsn|connection[_-]?string";
/** The same of words that programs also use for what they do: "get-token: invalid grant". */
const commonWord = "token|[_-](?:auth|pat)(?![a-z])";
const secretName = new RegExp(`${plainWord}|${commonWord}|credential`, "i");

/** What follows "password:" or "password is" when a program says what is wrong with it. */
const innocent = String.raw`(?:not?|now|required|(?:in)?valid\w*|wrong|incorrect|expired|missing|empty|too|(?:un)?set|stored|needed|unknown|read|only|still|already|being|revoked|malformed|unsupported|about|an?|the|of|in|on|by|for|from|at|old|ok|failed|failure|cannot|could|unable|error|exit|must|should|has|have|is|was|please|use|run|authentication|unauthori[sz]ed|forbidden|denied|access)\b`;

/** A file's name before a colon, as in errors, is not the name of a setting. */
const notInPath = String.raw`(?<!/[\w.-]{0,64})`;
const quotedValue = String.raw`\\?"[^"]*"|'[^']*'`;
/** As programs write it after a name: `=x`, `: "x"`, and the same inside a quoted text. */
const assigned = String.raw`[\w.-]{0,64}\\?["']?\s{0,8}[=:]\s{0,8}`;
const value = String.raw`(?:${quotedValue}|(?!${innocent})[^\s"',;&\]})]+)`;
/** Without a blank, or in quotes, or with what words have not. */
const tightly = String.raw`(?:[\w.-]{0,64}\\?["']?[=:]|[\w.-]{0,64}\\?["']?\s{0,8}[=:]\s{1,8}(?=["'\\]|[^\s"',;&\]})]{0,256}\d))`;

/** Quantifiers are bounded: texts come from strangers, and an unbounded one can take the square of a text's length. */
type Pattern = readonly [pattern: RegExp, replacement: string];

const makePatterns = (): readonly Pattern[] => [
  [/-----BEGIN [A-Z0-9 ]{1,40}-----[\s\S]*?(?:-----END [A-Z0-9 ]{1,40}-----|$)/g, mask],
  // The login in a URL; in what follows "//" up to the last "@" before a slash. It may lack the scheme.
  [/(\b[a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/"'`]{0,512}@/gi, `$1${mask}@`],
  [/(^|[\s"'=])[^\s:/"'@]{1,128}:[^\s/"'@]{1,256}@(?!sha256:)/g, `$1${mask}@`],
  // curl's way to name a login.
  [/((?:^|\s)(?:-u|--user)[ =]["']?)[^\s:"']{1,128}:[^\s"']{1,256}/g, `$1${mask}`],
  // Signed links hold their signature there.
  [/\?[^\s"'`\\=?]{0,128}=[^\s"'`\\]*/g, `?${mask}`],
  [/\beyJ[\w-]{8,}\.[\w-]+(\.[\w-]*)?/g, mask],
  // Tokens of GitHub, GitLab, Slack, AWS, Google, EKS, Vault, DigitalOcean, OpenAI, npm and PyPI say what they are.
  [
    /\b(?:gh[opsur]_|github_pat_|glpat-|xox[abprs]-|xapp-|AKIA|ASIA|AIza|ya29\.|k8s-aws-v1\.|hv[bs]\.|dop_v1_|sk-|npm_|pypi-)[\w.-]{8,}/g,
    mask,
  ],
  [/\b(Bearer)\s+(?!token\b|auth)[\w.~+/=-]{6,}/gi, `$1 ${mask}`],
  // What a login in base64 has and words have not.
  [/\b(Basic|basic|BASIC)\s+(?=[\w.~+/=-]{0,256}(?:\d|=|[a-z][A-Z]))[\w.~+/=-]{6,}/g, `$1 ${mask}`],
  [/\b((?:proxy-)?authorization["'\\]*\s{0,8}[:=]\s{0,8}["'\\]*(?:[a-z]+ )?)[^\s"'\\]+/gi, `$1${mask}`],
  [/\b((?:set-)?cookie["'\\]*\s{0,8}[:=]\s{0,8}["'\\]*)[^"'\\\n]+/gi, `$1${mask}`],
  [
    /((?<![\w-])--?(?![\w-]{0,80}-file[= ])(?:[\w-]{0,40}(?:secret|passw|token|key|credential|bearer)[\w-]{0,40}|(?:[\w-]{0,40}-)?(?:pat|auth|pass|pwd))[= ])(?:"[^"]*"|'[^']*'|[^\s"',\]-][^\s"',\]]*)/gi,
    `$1${mask}`,
  ],
  [new RegExp(`(${notInPath}(?:${plainWord})${assigned})${value}`, "gi"), `$1${mask}`],
  [new RegExp(`(${notInPath}(?:${commonWord})${tightly})${value}`, "gi"), `$1${mask}`],
  // In prose: "the password is X", and "token X" where X is not a word.
  [
    new RegExp(String.raw`\b((?:password|passphrase|passcode|secret)\s(?:is|was)\s["']?)(?!${innocent})[^\s"',;]{4,256}`, "gi"),
    `$1${mask}`,
  ],
  [
    /\b((?:password|passphrase|passcode|token|api[ -]?key|access[ -]?key|pat)\s(?:(?:is|was)\s)?["'`]?)(?=[^\s"'`,;]{0,256}\d)(?=[^\s"'`,;]{0,256}[a-z])[^\s"'`,;:/]{6,256}/gi,
    `$1${mask}`,
  ],
];

/** Made for the first error: most runs of kt have none. */
let patterns: readonly Pattern[] | undefined;

/** The text without what looks like a secret. */
export function maskSecrets(text: string): string {
  patterns ??= makePatterns();
  return patterns.reduce((masked, [pattern, replacement]) => masked.replace(pattern, replacement), text);
}

const secretFlag = /secret|pass|pwd|token|key|cred|auth|pat\b|bearer/i;
const plainArgument = /^(?:-{0,2}[a-z]+(?:[-.][a-z0-9]{1,16})*|https?:\/\/[^\s@?]+|[~./][^\s]*|arn:[\w:/.-]+|[A-Z][a-z-]+:)$/;

export class Masker {
  readonly #secrets = new Set<string>();
  readonly #home: string;

  constructor(home: string) {
    this.#home = home;
  }

  /** A text that must not be seen; also in base64 and as URLs write it. */
  learn(secret: string): void {
    const trimmed = secret.trim();
    if (trimmed.length < shortestChars) return;
    const encoded = new TextEncoder().encode(trimmed).toBase64({ omitPadding: true });
    for (const form of [trimmed, encoded, encodeURIComponent(trimmed)]) this.#secrets.add(form);
  }

  /** Variables whose names say that they hold secrets, and the logins in those that hold URLs. */
  learnEnvironment(environment: Readonly<Record<string, string | undefined>>): void {
    for (const [name, value = ""] of Object.entries(environment)) {
      if (secretName.test(name)) this.learn(value);
      const password = URL.parse(value)?.password ?? "";
      if (password !== "") this.learn(decodeURIComponent(password));
    }
  }

  /** Of a program that is given secrets: all but what is plainly none, such as names of subcommands, regions, files and addresses. */
  learnArguments(args: readonly string[]): void {
    for (const [index, arg] of args.entries()) {
      const isSecret = /^-/.test(args[index - 1] ?? "") && secretFlag.test(args[index - 1] ?? "");
      const value = arg.replace(/^--?[\w-]+=/, "");
      for (const piece of [value, ...value.split(/[\s=]+/)]) if (isSecret || !plainArgument.test(piece)) this.learn(piece);
    }
  }

  text(text: string): string {
    let result = text;
    // The longest first: one may be a part of another.
    for (const secret of [...this.#secrets].sort((a, b) => b.length - a.length)) result = result.replaceAll(secret, mask);
    result = maskSecrets(result);
    return this.#home.length > 1 ? result.replaceAll(this.#home, "~") : result;
  }

  /** Every text in a value, keys too. */
  value(value: unknown): unknown {
    if (typeof value === "string") return this.text(value);
    if (Array.isArray(value)) return value.map((item) => this.value(item));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [this.text(key), this.value(inner)]));
  }
}
