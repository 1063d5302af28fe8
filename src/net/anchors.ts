/** The certificates that a TLS client trusts, out of a text that holds them among other things. */

import { X509Certificate } from "node:crypto";

const block = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

function isReadable(pem: string): boolean {
  try {
    new X509Certificate(pem);
    return true;
  } catch {
    return false;
  }
}

/**
 * As Go takes them: comments, keys and blocks that cannot be read are passed over, where the TLS library would refuse the whole text.
 * Undefined where there is no certificate in it at all.
 */
export function trustAnchors(pem: string): string | undefined {
  const certificates = (pem.match(block) ?? []).filter(isReadable);
  return certificates.length === 0 ? undefined : `${certificates.join("\n")}\n`;
}
