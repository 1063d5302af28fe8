/** Asks once for what a profile needs consent for, in a terminal; elsewhere the error says how to give it. */

import { KtError } from "#base/errors.ts";
import type { Output } from "#cli/screen/output.ts";
import { canAsk } from "#cli/screen/prompts.ts";

/** Does the work, again where it lacked consent that was then given. Throws what the work throws. */
export async function withConsent<T>(file: string, output: Output, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof KtError) || error.code !== "profile-not-allowed" || !(await asked(file, output))) throw error;
    return await work();
  }
}

/** What asks reads profiles and kubeconfigs, which most commands leave to the hub. */
async function asked(file: string, output: Output): Promise<boolean> {
  if (!canAsk()) return false;
  const { askInPassing } = await import("./allowing.ts");
  return await askInPassing(file, output);
}
