/** Tests what a command line may say instead of the kubeconfig, by kubectl's rules. */

import { describe, expect, test } from "bun:test";
import { write } from "bun";
import { KtError } from "#base/errors.ts";
import { loadContext } from "#kube/api/context-source.ts";
import { FileCache } from "#kube/config/files.ts";
import type { ContextConfig } from "#kube/config/context-config.ts";
import type { ContextOverrides } from "#kube/config/overrides.ts";
import { tempDir } from "#test/support/temp-dir.ts";

const kubeconfig = `
current-context: dev
contexts:
- { name: dev, context: { cluster: dev, user: ann, namespace: shop } }
clusters:
- { name: dev, cluster: { server: "https://dev.test", certificate-authority-data: YWJj, tls-server-name: kube } }
- { name: prod, cluster: { server: "https://prod.test", insecure-skip-tls-verify: true } }
users:
- name: ann
  user: { exec: { apiVersion: v1, command: login }, client-certificate-data: YWJj, client-key-data: YWJj, as: bob, as-groups: [ops] }
- { name: eve, user: { username: eve, password: x } }
`;

async function load(overrides: ContextOverrides, content: string | null = kubeconfig, context?: string): Promise<ContextConfig> {
  await using folder = await tempDir();
  const path = `${folder.path}/config`;
  if (content !== null) await write(path, content);
  return loadContext({ kubeconfig: [path], context, environment: {}, overrides }, new FileCache());
}

test("nothing said changes nothing", async () => {
  expect(await load({ asGroups: [], insecure: false })).toEqual({
    ...(await load({})),
    file: expect.any(String),
    cluster: expect.anything(),
    user: expect.anything(),
  });
  expect((await load({ asGroups: [], insecure: false })).cluster).toMatchObject({
    server: "https://dev.test",
    tlsServerName: "kube",
    ca: { pem: "abc" },
  });
});

test("groups without a user to impersonate ask nothing with the user's own rights; the command line may name one", async () => {
  const withoutUser = kubeconfig.replace("as: bob, ", "");
  await expect(load({}, withoutUser)).rejects.toThrow('user "ann" has as-uid, as-groups or as-user-extra without as');
  expect((await load({ as: "al" }, withoutUser)).user?.impersonate).toMatchObject({ user: "al", groups: ["ops"] });
});

describe("a name and a password", () => {
  test("sign in in place of what the kubeconfig says, a certificate aside", async () => {
    const { user } = await load({ username: "al", password: "secret" });
    expect(user).toMatchObject({ username: "al", password: "secret", exec: undefined, token: undefined, cert: { pem: "abc" } });
  });

  test("a password alone is that of the user of the kubeconfig", async () => {
    expect((await load({ user: "eve", password: "y" })).user).toMatchObject({ username: "eve", password: "y" });
  });

  test("beside a token are refused", async () => {
    await expect(load({ username: "al", token: "t" })).rejects.toThrow("two ways to sign in");
  });
});

describe("the server", () => {
  test.each([
    [{ cluster: "prod" }, { name: "prod", server: "https://prod.test", insecure: true }],
    // The name of another server is of no use for this one.
    [{ server: "https://other.test/" }, { server: "https://other.test", tlsServerName: undefined, ca: { pem: "abc" } }],
    [{ server: "127.0.0.1:8001" }, { server: "http://127.0.0.1:8001" }],
    [
      { server: "https://o.test", tlsServerName: "o" },
      { server: "https://o.test", tlsServerName: "o" },
    ],
    [{ tlsServerName: "x" }, { server: "https://dev.test", tlsServerName: "x" }],
    [{ insecure: true }, { insecure: true, ca: {} }],
    [{ certificateAuthority: "/ca" }, { insecure: false, ca: { file: "/ca" } }],
    [
      { cluster: "prod", certificateAuthority: "/ca" },
      { insecure: false, ca: { file: "/ca" } },
    ],
  ])("%j", async (overrides, want) => {
    expect((await load(overrides)).cluster).toMatchObject(want);
  });

  test("needs no context, and no kubeconfig", async () => {
    const said = { server: "https://o.test", token: "t" };
    for (const content of ["", null, "contexts: []"]) {
      const { name, namespace, cluster, user } = await load(said, content);
      expect([name, namespace, cluster.server, user?.token]).toEqual(["https://o.test", "default", "https://o.test", "t"]);
      expect((await load(said, content, name)).cluster.server).toBe("https://o.test");
    }
    expect((await load({ cluster: "prod", user: "eve" }, kubeconfig.replace("current-context: dev", ""))).user?.username).toBe("eve");
  });
});

describe("the user", () => {
  test.each([
    [{ user: "eve" }, { name: "eve", username: "eve", exec: undefined }],
    [{ token: "t" }, { name: "ann", token: "t", exec: undefined, cert: { pem: "abc" } }],
    [
      { user: "eve", token: "t" },
      { token: "t", username: undefined, password: undefined },
    ],
    [
      { clientCertificate: "/c", clientKey: "/k" },
      { cert: { file: "/c" }, key: { file: "/k" }, exec: expect.anything() },
    ],
    [{ as: "al" }, { impersonate: { user: "al", uid: undefined, groups: ["ops"], extra: {} } }],
    [{ asGroups: ["a", "b"], asUid: "7" }, { impersonate: { user: "bob", uid: "7", groups: ["a", "b"], extra: {} } }],
  ])("%j", async (overrides, want) => {
    expect((await load(overrides)).user).toMatchObject(want);
  });
});

test.each([
  [{ cluster: "nosuch" }, 'names cluster "nosuch", which is not there'],
  [{ user: "nosuch" }, 'names user "nosuch", which is not there'],
  [{ user: "eve", asGroups: ["a"] }, "--as-uid and --as-group need a user"],
  [{ user: "eve", clientCertificate: "/c" }, 'user "eve" has a client certificate without a client key'],
  [{ insecure: true, certificateAuthority: "/ca" }, "has both insecure-skip-tls-verify and a certificate authority"],
])("%j is refused", async (overrides, message) => {
  const refusal = await load(overrides).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(KtError);
  expect(String(refusal)).toContain(message);
});
