/** The error where nothing on this machine opens a page. */

import { KtError } from "#base/errors.ts";

export function noBrowser(): KtError {
  return new KtError("browser-missing", "there is no program that opens the browser", { hints: ["export BROWSER=firefox"] });
}
