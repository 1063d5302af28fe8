/** The kinds of stores that `kt trust` knows, by their words on the command line. */

import { browserStore } from "./browser-store.ts";
import { javaStore } from "./java-store.ts";
import { systemStore } from "./system-store.ts";
import type { TrustPart, TrustRequest } from "./trust-part.ts";

const makers = { system: systemStore, browsers: browserStore, java: javaStore } as const;

export type StoreName = keyof typeof makers;

export const storeNames: readonly string[] = Object.keys(makers);

export function isStoreName(word: string): word is StoreName {
  return storeNames.includes(word);
}

export function trustPart(name: StoreName, request: TrustRequest): TrustPart {
  return makers[name](request);
}
