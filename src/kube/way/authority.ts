/** Who may vouch for a server, out of the text that a kubeconfig gives. */

import { KtError } from "#base/errors.ts";
import { trustAnchors } from "#net/anchors.ts";

/** Its certificates. Throws KtError `kubeconfig-unreadable` where there is none: an empty list would mean the system's roots. */
export function authorityOf(whose: string, pem: string): string {
  const certificates = trustAnchors(pem);
  if (certificates === undefined) throw new KtError("kubeconfig-unreadable", `the certificate authority of ${whose} holds no certificate`);
  return certificates;
}
