/** Tests whom a kubeconfig's authority vouches for, as Go takes it, and which client keys are read. */

import { createPrivateKey } from "node:crypto";
import { describe, expect, test } from "bun:test";
import { trustAnchors } from "#net/anchors.ts";
import * as pki from "#test/vectors/certificates.ts";
import { type Asked, Harness, list, ScriptedApi, shown, webService, webSlice } from "./scripted-api.ts";

const simple = (asked: Asked): Response | undefined => {
  if (asked.query.get("watch") === "1") return undefined;
  return asked.path.endsWith("/services/web") ? Response.json(webService) : list([webSlice(["a"])]);
};

/** What a client learns that trusts `ca`, of a server that shows `chain`. */
async function outcome(ca: string, chain: string, key: string, user: object = {}): Promise<string> {
  await using api = new ScriptedApi(simple, { cert: chain, key });
  await using harness = await Harness.open(api, { user, cluster: { "certificate-authority-data": btoa(ca) } });
  return shown(await harness.follow().changes.next()).replace(/connect to \S+: /, "");
}

const { root, mid, server } = pki;
const good = "ready a:8080";
const untrusted = "failed cluster-unreachable: the server's certificate comes from an authority that kubeconfig does not trust";

describe("the authority may be", () => {
  test.each([
    ["a root, and the server sends the rest", root.cert, server.cert + mid.cert],
    ["an intermediate, which the server sends too", mid.cert, server.cert + mid.cert],
    ["an intermediate, which the server does not send", mid.cert, server.cert],
    ["the server's own certificate", server.cert, server.cert],
    ["one of several", pki.otherRoot.cert + mid.cert, server.cert],
    ["given twice", mid.cert + mid.cert, server.cert],
    ["between comments", `# Issuer: Müller\nwords\n${mid.cert}more words\n`, server.cert],
    ["beside a key", mid.key + mid.cert, server.cert],
    ["beside blocks that cannot be read", `-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n${mid.cert}`, server.cert],
    ["beside a block with headers", `${mid.cert.replace("-----\n", "-----\nProc-Type: 4,ENCRYPTED\n\n")}${mid.cert}`, server.cert],
    ["with the line ends of Windows", mid.cert.replaceAll("\n", "\r\n"), server.cert],
  ])("%s", async (_, ca, chain) => {
    expect(await outcome(ca, chain, server.key)).toBe(good);
  });
});

describe("it does not vouch for", () => {
  test.each([
    ["a server of another authority", mid.cert, pki.stranger, "", untrusted],
    [
      "a server whose authority only calls itself the same",
      mid.cert,
      pki.forged,
      "",
      "failed cluster-unreachable: the server's certificate",
    ],
    ["one that a server signed, which is not an authority", mid.cert, pki.underServer, server.cert, "failed cluster-unreachable: "],
    [
      "a server outside of the names that the authority may sign for",
      root.cert,
      pki.outside,
      pki.narrow.cert,
      "failed cluster-unreachable: ",
    ],
    ["a certificate for clients", mid.cert, pki.clientOnly, "", "failed cluster-unreachable: "],
    ["an expired certificate", mid.cert, pki.expired, "", "failed cluster-unreachable: the server's certificate has expired"],
    [
      "an expired certificate that is given itself",
      pki.expired.cert,
      pki.expired,
      "",
      "failed cluster-unreachable: the server's certificate has expired",
    ],
    ["another address", mid.cert, pki.elsewhere, "", "failed cluster-unreachable: the server's certificate is for another name"],
    [
      "another address, given itself",
      pki.elsewhere.cert,
      pki.elsewhere,
      "",
      "failed cluster-unreachable: the server's certificate is for another name",
    ],
  ] as const)("%s", async (_, ca, { cert, key }, more, want) => {
    expect(await outcome(ca, cert + more, key)).toStartWith(want);
  });

  test("anyone where there is no certificate in it", async () => {
    expect(await outcome("words", server.cert, server.key)).toBe(
      'failed kubeconfig-unreadable: the certificate authority of cluster "c" holds no certificate',
    );
    expect(trustAnchors(mid.key)).toBeUndefined();
  });
});

describe("a client key is read", () => {
  const ec = createPrivateKey(pki.server.key);
  const rsa = createPrivateKey(pki.rsa.key);
  const identity = (cert: string, key: string): object => ({ "client-certificate-data": btoa(cert), "client-key-data": btoa(key) });
  const ask = (cert: string, key: string): Promise<string> => outcome(mid.cert, server.cert, server.key, identity(cert, key));
  const pem = { format: "pem" } as const;

  test.each([
    ["as PKCS #1", pki.rsa.cert, pki.rsa.key],
    ["as PKCS #8", pki.rsa.cert, rsa.export({ type: "pkcs8", ...pem }).toString()],
    ["of an elliptic curve as SEC 1", server.cert, ec.export({ type: "sec1", ...pem }).toString()],
    ["of an elliptic curve as PKCS #8", server.cert, ec.export({ type: "pkcs8", ...pem }).toString()],
    ["behind the parameters of its curve", server.cert, pki.ecParameters + server.key],
    ["behind words and a certificate", server.cert, `words\n${mid.cert}${server.key}`],
    ["with the line ends of Windows", server.cert, server.key.replaceAll("\n", "\r\n")],
    ["with a certificate behind a key", server.key + server.cert, server.key],
  ])("%s", async (_, cert, key) => {
    expect(await ask(cert, key)).toBe(good);
  });

  test.each([
    [
      "an encrypted one",
      server.cert,
      ec.export({ type: "pkcs8", ...pem, cipher: "aes-256-cbc", passphrase: "x" }).toString(),
      'the client key of user "u" is encrypted',
    ],
    [
      "an encrypted one of old",
      pki.rsa.cert,
      rsa.export({ type: "pkcs1", ...pem, cipher: "aes-256-cbc", passphrase: "x" }).toString(),
      'the client key of user "u" is encrypted',
    ],
    ["one that is not the certificate's", server.cert, mid.key, "the client certificate and the client key do not belong together"],
    [
      "of another kind",
      server.cert,
      rsa.export({ type: "pkcs1", ...pem }).toString(),
      "the client certificate and the client key do not belong together",
    ],
    ["no PEM", server.cert, "words", "a certificate or key is not a PEM text"],
  ])("unless it is %s", async (_, cert, key, want) => {
    expect(await ask(cert, key)).toContain(want);
  });
});
