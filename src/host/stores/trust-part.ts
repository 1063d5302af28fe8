/** What `kt trust` changes in one kind of store, as steps that can be undone. */

import { CryptoHasher } from "bun";
import type { Direction, SetupStep } from "#host/steps/setup-step.ts";

/** What is asked, and what is known of the machine. */
export interface TrustRequest {
  readonly platform: string;
  readonly direction: Direction;
  /** Whose CA it is. */
  readonly uid: number;
  readonly home: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The certificate to trust, or to take away: its text, and the file where tools read it. */
  readonly root: { readonly pem: string; readonly file: string };
}

export type TrustPart =
  | {
      readonly kind: "steps";
      readonly steps: readonly SetupStep[];
      readonly asRoot: boolean;
      /** What programs follow this store, for people. */
      readonly readers: string;
    }
  /** It follows another store, or no program here has one. */
  | { readonly kind: "needless"; readonly why: string }
  | { readonly kind: "impossible"; readonly why: string; readonly hints: readonly string[] };

/** What a certificate of ours is called in stores that hold many: one that was replaced has another. */
export function nicknameOf(pem: string): string {
  return `${nicknamePrefix} ${shortDigest(pem)}`;
}

export const nicknamePrefix = "kt CA";

const digestLength = 12;

function shortDigest(pem: string): string {
  return new CryptoHasher("sha256").update(pem).digest("hex").slice(0, digestLength);
}
