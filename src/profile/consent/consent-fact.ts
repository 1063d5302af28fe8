/** One thing that a profile would do and that needs consent. */

export interface ConsentFact {
  /** A clause whose subject is the profile: `sets PATH by [env]`. */
  readonly what: string;
  readonly why: string;
  /** The whole of it, for the one who is asked: errors, which others may read, leave it out. */
  readonly detail?: string | undefined;
  /** Another content is another fact, for which consent is needed again. */
  readonly content: string;
  /** A file of another user's is not asked about in passing: only `kt allow` takes it. */
  readonly isForeign?: boolean;
}
