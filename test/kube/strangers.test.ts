/** A kubeconfig that is not the user's own: only in the text that was consented to may it do more than speak to its server. */

import { afterAll, describe, expect, test } from "bun:test";
import { rm, symlink } from "node:fs/promises";
import { CryptoHasher, write } from "bun";
import { messageOf } from "#base/errors.ts";
import { loadContext } from "#kube/api/context-source.ts";
import { FileCache } from "#kube/config/files.ts";
import { refuseChanged } from "#kube/config/strangers.ts";
import { tempDir } from "#test/support/temp-dir.ts";

const directory = await tempDir();
afterAll(() => directory[Symbol.asyncDispose]());
const [strange, own] = [`${directory.path}/strange`, `${directory.path}/own`];

const kubeconfig = (user: string, cluster = "", name = "c"): string => `current-context: ${name}
clusters: [{name: ${name}, cluster: {server: "https://127.0.0.1:1"${cluster}}}]
contexts: [{name: ${name}, context: {cluster: ${name}, user: ${name}}}]
users: [{name: ${name}, user: {${user}}}]
`;
const exec = "exec: {apiVersion: client.authentication.k8s.io/v1, command: x}";
const digest = (text: string): string => new CryptoHasher("sha256").update(text).digest("hex");

async function outcome(text: string, accepted: string, context?: string, others: readonly string[] = []): Promise<string> {
  await write(strange, text);
  try {
    const strangers = { [strange]: accepted };
    return loadContext({ kubeconfig: [strange, ...others], strangers, context, environment: {} }, new FileCache()).name;
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : "another error";
  }
}

test("a stranger's plugin runs only while the files of the consent are what they were", async () => {
  const text = kubeconfig(exec);
  const [program, late, link] = [`${directory.path}/program`, `${directory.path}/late`, `${directory.path}/link`];
  await Promise.all([write(strange, text), write(program, "one"), symlink("/dev/null", link)]);
  const strangers = { [strange]: digest(text), [program]: digest("one"), [late]: "", [link]: "/dev/null" };
  const refusal = (): string => {
    const { user } = loadContext({ kubeconfig: [strange], strangers, context: undefined, environment: {} }, new FileCache());
    try {
      if (user?.exec !== undefined) refuseChanged(user.exec);
      return user?.exec === undefined ? "no plugin" : "runs";
    } catch (error) {
      return messageOf(error);
    }
  };
  const changed = (path: string): string => `"${path}" is not what it was when you gave your consent to run it`;
  expect(refusal()).toBe("runs");
  await write(program, "two");
  expect(refusal()).toBe(changed(program));
  await Promise.all([write(program, "one"), write(late, "")]);
  expect(refusal()).toBe(changed(late));
  await Promise.all([rm(late), rm(link)]);
  await symlink("/dev/zero", link);
  expect(refusal()).toBe(changed(link));
});

describe("a stranger's kubeconfig", () => {
  test("that is whole in itself is used in any text", async () => {
    expect(await outcome(kubeconfig("token: a"), "")).toBe("c");
    expect(await outcome(kubeconfig("token: b, as: me"), digest("another"))).toBe("c");
  });

  test.each([
    exec,
    "auth-provider: {name: oidc}",
    "tokenFile: /etc/shadow",
    "client-certificate: a.pem, client-key-data: aa",
    "client-certificate-data: aa, client-key: a.pem",
  ])("with %s is only used in the text that was consented to", async (user) => {
    const text = kubeconfig(user);
    expect(await outcome(text, "")).toBe("profile-not-allowed");
    expect(await outcome(text, digest(`${text} `))).toBe("profile-not-allowed");
    expect(await outcome(text, digest(text))).toBe("c");
  });

  test.each([', proxy-url: "http://evil"', ", certificate-authority: /etc/shadow"])("with %s in its cluster likewise", async (cluster) => {
    const text = kubeconfig("token: a", cluster);
    expect(await outcome(text, "")).toBe("profile-not-allowed");
    expect(await outcome(text, digest(text))).toBe("c");
  });

  test("never gets the user's credentials, and the user's own contexts beside it go on", async () => {
    await write(own, kubeconfig("token: mine", "", "prod"));
    const stealing = kubeconfig("token: a").replace("user: c}", "user: prod}");
    expect(await outcome(stealing, "", undefined, [own])).toBe("profile-not-allowed");
    expect(await outcome(stealing, "", "prod", [own])).toBe("prod");
    const renamed = kubeconfig("token: a", "", "prod").replace(/^users.*$/m, "");
    expect(await outcome(renamed, "", "prod", [own])).toBe("profile-not-allowed");
  });
});
