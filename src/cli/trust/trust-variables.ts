/** Variables that tell programs with lists of their own to trust kt's CA beside what they trust now. */

import type { AuthorityStore } from "#host/trust/authority-store.ts";
import { listWith, systemList } from "#host/trust/trust-list.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * With the CA made where there is none. What the variables name now stays in the list that they name then: a company's own CA, say. Throws
 * KtError `authority-unusable`.
 */
export function trustVariables(store: AuthorityStore, environment: Environment): Readonly<Record<string, string>> {
  const { root } = store.current().texts;
  const { NODE_EXTRA_CA_CERTS: extra, SSL_CERT_FILE: openssl, REQUESTS_CA_BUNDLE: requests } = environment;
  const others = (...paths: readonly (string | undefined)[]): string[] =>
    paths.filter((path): path is string => path !== undefined && path !== "" && !path.startsWith(`${store.directory}/`));
  const listFor = (said: string | undefined): string => listWith(store.directory, others(others(said)[0] ?? systemList(), extra), root);
  const hasExtra = others(extra).length > 0;
  return {
    NODE_EXTRA_CA_CERTS: hasExtra ? listWith(store.directory, others(extra), root) : store.rootFile,
    SSL_CERT_FILE: listFor(openssl),
    REQUESTS_CA_BUNDLE: listFor(requests),
  };
}
