/** What a bug report hides: learnt secrets in every form, what looks like one, and all of a kubeconfig that is not known to be harmless. */

import { describe, expect, test } from "bun:test";
import { assert, property, string } from "fast-check";
import { kubeconfigShape } from "#daemon/doctor/kubeconfig-shape.ts";
import { Masker } from "#daemon/doctor/mask.ts";
import { maskedProfile } from "#profile/masked.ts";

describe("the masker", () => {
  test("hides what it has learnt, as it is, in base64 and in URLs", () => {
    const secret = string({ minLength: 6, unit: "binary" }).filter((text) => text.trim().length >= 6 && text.isWellFormed());
    assert(
      property(secret, string(), string(), (given, before, after) => {
        const masker = new Masker("/home/me");
        masker.learn(given);
        const trimmed = given.trim();
        const encoded = Buffer.from(trimmed).toString("base64").replace(/=+$/, "");
        for (const form of [trimmed, encoded, encodeURIComponent(trimmed)]) {
          expect(masker.text(`${before} ${form} ${after}`).split("***").join("\u0000")).not.toContain(form);
        }
      }),
    );
  });

  test.each([
    ["http://me:pw@proxy:3128/x", "http://***@proxy:3128/x"],
    ["postgres://app:p%40ss@db/app and so on", "postgres://***@db/app and so on"],
    ["Authorization: Bearer abcdefgh", "Authorization: Bearer ***"],
    ["token eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln", "token ***"],
    ["plugin --client-secret=abc --region eu", "plugin --client-secret=*** --region eu"],
    ["plugin --password 'a b' x", "plugin --password *** x"],
    ["sh -c 'DB_PASSWORD=abc run'", "sh -c 'DB_PASSWORD=*** run'"],
    ["-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----", "***"],
    ["/home/me/.kube/config", "~/.kube/config"],
  ])("%s", (text, shown) => expect(new Masker("/home/me").text(text)).toBe(shown));

  test.each(["https://10.0.0.1:6443 answers: Kubernetes v1.35.0", "svc/web:80", "kubectl auth can-i create pods -n shop --context dev"])(
    "leaves alone: %s",
    (text) => expect(new Masker("/home/me").text(text)).toBe(text),
  );

  test("learns from variables by their names and by the logins in them", () => {
    const masker = new Masker("/home/me");
    masker.learnEnvironment({ GITHUB_TOKEN: "abcdef", DB: "mysql://u:ghijkl@h/d", EDITOR: "neovim" });
    expect(masker.text("abcdef ghijkl neovim")).toBe("*** *** neovim");
  });
});

test("a kubeconfig keeps its shape", () => {
  const masker = new Masker("/home/me");
  const text = `
clusters: [{ name: c, cluster: { server: "https://me:pw@api:6443", certificate-authority-data: AAAA, unknown-setting: hidden-1 } }]
users:
- name: u
  user: { tokenFile: /t, exec: { command: aws, args: [eks, --region=eu-west-1, get-token, --x], env: [{ name: A, value: hidden-2 }] } }
`;
  expect(masker.value(kubeconfigShape(text, masker))).toEqual({
    clusters: [{ name: "c", cluster: { server: "https://***@api:6443", "certificate-authority-data": "***", "unknown-setting": "***" } }],
    users: [
      {
        name: "u",
        user: {
          tokenFile: "/t",
          exec: { command: "aws", args: ["***", "--region=***", "***", "--x"], env: [{ name: "A", value: "***" }] },
        },
      },
    ],
  });
  expect(masker.text("hidden-1 hidden-2")).toBe("*** ***");
  expect(kubeconfigShape("{", masker)).toBe("no YAML");
});

describe("a profile", () => {
  test("keeps its settings, without comments and the values of [env], however that is written", () => {
    const learnt: string[] = [];
    const mask = (text: string): string | null => maskedProfile(text, (value) => learnt.push(value));
    expect(mask('# secret\nname = "a" # more\n[env]\nA = """\nlong\n"""\nB.C = "x"\n')).toBe(
      'name = "a"\n\n[env]\nA = "***"\n\n[env.B]\nC = "***"\n',
    );
    expect(mask('env = { A = "y" }\nname = "a"\n')).toBe('name = "a"\n\n[env]\nA = "***"\n');
    expect(mask('env = "z"\n')).toBe('env = "***"\n');
    expect(learnt).toEqual(["long\n", "x", "y", "z"]);
  });

  test("that is no TOML is left out", () => expect(maskedProfile('A = "x', () => {})).toBeNull());
});
