/** Takes secrets out of texts: those that are known, and what looks like one; pure. */

export const mask = "***";

/** Shorter ones would be found in innocent words. */
const shortestChars = 6;

/** What names of variables, settings, parameters and flags have in them whose value is nobody's business. */
const secretWord =
  "secret|passw|passphrase|(?<![a-z])pass(?![a-z])|[_-]pwd|token|(?:api|access|private|signing|encryption)[_-]?key|cookie|dsn|connection[_-]?string|[_-](?:auth|pat)(?![a-z])";
const secretName = new RegExp(`${secretWord}|credential`, "i");

/** As programs write it after a name: `=x`, `: "x"`, and the same inside a quoted text. */
const assigned = String.raw`[\w.-]*\\?["']?\s*[=:]\s*`;
const value = String.raw`(?:\\?"[^"]*"|'[^']*'|[^\s"',;&\]})]+)`;

const looksSecret: readonly (readonly [pattern: RegExp, replacement: string])[] = [
  [/-----BEGIN [A-Z0-9 ]+-----[\s\S]*?-----END [A-Z0-9 ]+-----/g, mask],
  // The login in a URL; in what follows "//" up to the last "@" before a slash. It may lack the scheme.
  [/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/"'`]*@/gi, `$1${mask}@`],
  [/(^|[\s"'=])[^\s:/"'@]+:[^\s/"'@]+@(?!sha256:)/g, `$1${mask}@`],
  // Signed links hold their signature there.
  [/\?[^\s"'`\\=]*=[^\s"'`\\]*/g, `?${mask}`],
  [/\beyJ[\w-]{8,}\.[\w-]+(\.[\w-]*)?/g, mask],
  // Tokens of GitHub, GitLab, Slack, AWS, Google, EKS, Vault and DigitalOcean say what they are.
  [/\b(?:gh[opsu]_|github_pat_|glpat-|xox[abprs]-|AKIA|ASIA|AIza|ya29\.|k8s-aws-v1\.|hv[bs]\.|dop_v1_)[\w.-]{8,}/g, mask],
  [/\b(Bearer|Basic)\s+[\w.~+/=-]{6,}/gi, `$1 ${mask}`],
  [/\b((?:proxy-)?authorization["'\\]*\s*[:=]\s*["'\\]*(?:[a-z]+ )?)[^\s"'\\]+/gi, `$1${mask}`],
  [/\b((?:set-)?cookie["'\\]*\s*[:=]\s*["'\\]*)[^"'\\\n]+/gi, `$1${mask}`],
  [/(--?[\w-]*(?:secret|passw|token|key)[\w-]*[= ])(?:"[^"]*"|'[^']*'|[^\s"',\]]+)/gi, `$1${mask}`],
  [new RegExp(`((?:${secretWord})${assigned})${value}`, "gi"), `$1${mask}`],
];

/** The text without what looks like a secret. */
export function maskSecrets(text: string): string {
  return looksSecret.reduce((masked, [pattern, replacement]) => masked.replace(pattern, replacement), text);
}

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
    const encoded = Buffer.from(trimmed).toString("base64").replace(/=+$/, "");
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
