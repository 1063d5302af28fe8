/** What a bug report hides: learnt secrets in every form, what looks like one, and all of a kubeconfig that is not known to be harmless. */

import { describe, expect, test } from "bun:test";
import { assert, property, string } from "fast-check";
import { kubeconfigShape } from "#doctor/kubeconfig-shape.ts";
import { Masker, maskSecrets } from "#base/mask.ts";
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
    ["proxy u:pw@proxy:3128", "proxy ***@proxy:3128"],
    ["app:pw@tcp(db:3306)/app", "***@tcp(db:3306)/app"],
    ["GET https://api/x?X-Amz-Signature=abc&b=c HTTP/1.1", "GET https://api/x?*** HTTP/1.1"],
    ["GET /login?code=abc", "GET /login?***"],
    ['{"level":"info","token":"abc","text":"hi"}', '{"level":"info","token":***,"text":"hi"}'],
    ['{"text":"{\\"password\\":\\"abc\\"}"}', '{"text":"{\\"password\\":***}"}'],
    ["Authorization: Token abc", "Authorization: Token ***"],
    ["Cookie: session=abc; other=def", "Cookie: ***"],
    ["X-Api-Key: abc", "X-Api-Key: ***"],
    ["password: abc", "password: ***"],
    ["DB_PASS=abc ENCRYPTION_KEY='a b'", "DB_PASS=*** ENCRYPTION_KEY=***"],
    ["pushed by ghp_0123456789abcdef", "pushed by ***"],
    ["k8s-aws-v1.aHR0cHM6Ly9zdHM", "***"],
    ['curl -H "Authorization: Bearer canary-1" https://x', 'curl -H "Authorization: Bearer ***" https://x'],
    ["login --pat canary1 --region eu", "login --pat *** --region eu"],
    ["login --auth canary1 --api-key=canary2", "login --auth *** --api-key=***"],
    ["curl -u me:canary https://x", "curl -u *** https://x"],
    ["https://canary@github.com/x", "https://***@github.com/x"],
    ["Basic bWU6Y2FuYXJ5", "Basic ***"],
    ["key AKIAIOSFODNN7EXAMPLE", "key ***"],
    ["the password is correcthorse", "the password is ***"],
    ["your token canary42 has expired", "your token *** has expired"],
    ['cannot use password "hunter2"', 'cannot use password "***"'],
    ["export GITHUB_PAT=canary", "export GITHUB_PAT=***"],
    ["-----BEGIN PRIVATE KEY-----\ncut off", "***"],
    ["sk-canary-0123456789", "***"],
  ])("%s", (text, shown) => expect(new Masker("/home/me").text(text)).toBe(shown));

  test.each([
    "https://10.0.0.1:6443 answers: Kubernetes v1.35.0",
    "svc/web:80",
    "kubectl auth can-i create pods -n shop --context dev",
    'the token of user "dev" expired 2 days ago, at 2026-01-01T00:00:00.000Z',
    "alpine/socat:1.8.0.3@sha256:0123456789abcdef",
    "error: get-token: authentication error: oidc error",
    "could not refresh token: invalid_grant",
    "gke-gcloud-auth-plugin: cannot find the default credentials",
    "Basic authentication is off, and the Bearer token expired",
    'secret "db-creds-v2" not found',
    "the password is required",
    'cannot read "/run/secrets/db-password": it is a directory',
    'cannot read the token file "/run/token1": ENOENT: no such file',
    "kubectl --context dev version",
    "kt edge secret --host 203.0.113.10 --key-file ~/.ssh/id_ed25519",
    "kt add 3306 db:3306 --via svc/web",
    "user: me, container: app, image: registry.example.com:5000/team/app:1.2",
    "is the port right? is it http:// instead of https://?",
  ])("leaves alone: %s", (text) => expect(new Masker("/home/me").text(text)).toBe(text));

  test("takes no longer for a text that is made to cost it", () => {
    for (const piece of ["-", "=a:b", "?", "eyJ-", "://", "token ", "-----BEGIN A-----", "a.", "password:", "--key-"])
      expect(maskSecrets(piece.repeat(100_000 / piece.length))).toBeString();
  });

  test("learns from variables by their names and by the logins in them", () => {
    const masker = new Masker("/home/me");
    masker.learnEnvironment({ GITHUB_TOKEN: "abcdef", DB: "mysql://u:ghijkl@h/d", EDITOR: "neovim", DB_PASS: "mnopqr", PWD: "/srv/shop" });
    expect(masker.text("abcdef ghijkl neovim mnopqr /srv/shop")).toBe("*** *** neovim *** /srv/shop");
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

test("a kubeconfig shows nothing elsewhere than where it is known to be harmless", () => {
  const masker = new Masker("/home/me");
  const text = `
clusters: [{ name: c, extensions: [{ name: e, extension: { server: hidden-1 } }] }]
users:
- name: u
  user:
    password: 12345678
    other: { name: hidden-2, kind: hidden-3 }
    auth-provider: { config: { name: hidden-4, command: hidden-5 } }
    exec: { args: [-phidden-6, -p, --q=hidden-7, 87654321] }
`;
  const shown = JSON.stringify(kubeconfigShape(text, masker));
  expect(shown).not.toMatch(/hidden|12345678|87654321/);
  expect(shown).toContain('["-p***","-p","--q=***","***"]');
  expect(masker.text("hidden-1 hidden-6 12345678 87654321")).toBe("*** *** *** ***");
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

  test("shows only settings that kt knows, and no commands", () => {
    const learnt: string[] = [];
    const text = `
password = "hidden-1"
context = "dev"
[routes."a.localhost"]
target = "svc/a:80"
api_key = "hidden-2"
[[patterns]]
host = "{service}.localhost"
other = 12345678
[tcp.3306]
target = "db:3306"
via = { pod = "p", create = { command = ["sh", "-c", "hidden-3"], ttl = "1h", env = { A = "hidden-4" } } }
`;
    const shown = maskedProfile(text, (value) => learnt.push(value)) ?? "";
    expect(shown).not.toMatch(/hidden|12345678/);
    for (const known of ['context = "dev"', 'target = "svc/a:80"', 'host = "{service}.localhost"', 'pod = "p"', 'ttl = "1h"'])
      expect(shown).toContain(known);
    expect(learnt).toEqual(["hidden-1", "hidden-2", "12345678", "sh", "-c", "hidden-3", "hidden-4"]);
  });

  test("that is not TOML is left out", () => expect(maskedProfile('A = "x', () => {})).toBeNull());
});
