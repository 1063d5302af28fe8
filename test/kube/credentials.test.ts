/** Tests what kubeconfig users become on the wire: tokens, files, plugins, OIDC, impersonation, and what happens on 401. */

import { chmodSync } from "node:fs";
import { describe, expect, test } from "bun:test";
import { file, write } from "bun";
import { ManualClock } from "#test/support/manual-clock.ts";
import { tempDir } from "#test/support/temp-dir.ts";
import { systemClock } from "#base/clock.ts";
import { type LogFields, silentLog } from "#base/log.ts";
import { FileCache } from "#kube/config/files.ts";
import { expiryMs, OidcTokens, replaceToken } from "#kube/auth/oidc.ts";
import { type Asked, Harness, type HarnessOptions, list, ScriptedApi, shown, status, webService, webSlice } from "./scripted-api.ts";

const simple = (asked: Asked): Response | undefined => {
  if (asked.query.get("watch") === "1") return undefined;
  return asked.path.endsWith("/services/web") ? Response.json(webService) : list([webSlice(["a"])]);
};

/** The Authorization of the first request. */
async function authorization(options: HarnessOptions): Promise<string | null> {
  await using api = ScriptedApi.secure(simple);
  await using harness = await Harness.open(api, options);
  expect(shown(await harness.follow().changes.next())).toBe("ready a:8080");
  return api.asked[0]?.headers.get("authorization") ?? null;
}

/** A plugin that counts its runs in a file beside it, and prints what `body` makes of the count `$n`. */
async function plugin(folder: string, body: string): Promise<string> {
  const path = `${folder}/plugin`;
  await write(path, `#!/bin/sh\necho x >> ${folder}/runs\nn=$(wc -l < ${folder}/runs | tr -d ' ')\n${body}\n`);
  chmodSync(path, 0o755);
  return path;
}

const runs = async (folder: string): Promise<number> =>
  (await file(`${folder}/runs`).exists()) ? (await file(`${folder}/runs`).text()).trim().split("\n").length : 0;

const v1 = "client.authentication.k8s.io/v1";
const credential = (status: string): string => `echo '{"apiVersion":"${v1}","kind":"ExecCredential","status":${status}}'`;
const tokenByRun = `echo '{"apiVersion":"${v1}","kind":"ExecCredential","status":{"token":"t'$n'"}}'`;
const exec = (command: string, more: object = {}): object => ({
  exec: { apiVersion: v1, command, interactiveMode: "IfAvailable", ...more },
});
const environment = { PATH: process.env["PATH"] };

describe("what stands in kubeconfig", () => {
  test.each([
    [{ token: "abc" }, "Bearer abc"],
    [{ username: "u", password: "p" }, `Basic ${btoa("u:p")}`],
    [{ username: "u" }, `Basic ${btoa("u:")}`],
    [{}, null],
    [{ token: "abc", exec: { apiVersion: v1, command: "/nowhere" } }, "Bearer abc"],
  ])("%p", async (user, want) => {
    expect(await authorization({ user })).toBe(want);
  });

  test("a token file wins over a token and is read again when it changes", async () => {
    await using folder = await tempDir();
    await write(`${folder.path}/token`, "one\n");
    await using api = ScriptedApi.secure(simple);
    await using harness = await Harness.open(api, { user: { token: "other", tokenFile: `${folder.path}/token` } });
    const { following, changes } = harness.follow();
    await changes.next();
    await write(`${folder.path}/token`, "second");
    const watch = await api.watches.next();
    following.refresh();
    expect(api.asked[0]?.headers.get("authorization")).toBe("Bearer one");
    expect(watch.asked.headers.get("authorization")).toBe("Bearer second");
  });

  test("a file that is missing is named", async () => {
    await using harness = await Harness.open(undefined, { server: "https://127.0.0.1:1", user: { tokenFile: "gone" } });
    expect(shown(await harness.follow().changes.next())).toStartWith(
      `failed kubeconfig-unreadable: cannot read the token file "${harness.folder}/gone": `,
    );
  });

  test("a file that is missing leaves the token beside it, as with kubectl", async () => {
    expect(await authorization({ user: { token: "abc", tokenFile: "gone" } })).toBe("Bearer abc");
  });

  test("a token of two lines is refused before anything is sent", async () => {
    await using api = ScriptedApi.secure(simple);
    await using harness = await Harness.open(api, { user: { token: "abc\nImpersonate-User: root" } });
    expect(shown(await harness.follow().changes.next())).toStartWith("failed credentials-failed: the token holds a line break");
    expect(api.asked).toEqual([]);
  });

  test("impersonation", async () => {
    await using api = ScriptedApi.secure(simple);
    const user = { token: "t", as: "bob", "as-uid": "17", "as-groups": ["ops", "dev"], "as-user-extra": { "a/b": ["x"] } };
    await using harness = await Harness.open(api, { user });
    await harness.follow().changes.next();
    const headers = api.asked[0]?.headers;
    expect(
      ["impersonate-user", "impersonate-uid", "impersonate-group", "impersonate-extra-a%2fb"].map((name) => headers?.get(name)),
    ).toEqual(["bob", "17", "ops, dev", "x"]);
  });

  test("auth-providers of old say what replaced them", async () => {
    await using harness = await Harness.open(undefined, { server: "https://127.0.0.1:1", user: { "auth-provider": { name: "gcp" } } });
    const resolution = await harness.follow().changes.next();
    expect(shown(resolution)).toBe('failed credentials-failed: user "u" has auth-provider "gcp", which Kubernetes no longer supports');
    expect(resolution.kind === "failed" && resolution.problem.hints.join()).toContain("gke-gcloud-auth-plugin");
  });
});

describe("a server that speaks plain HTTP", () => {
  test.each([
    ["a token", { token: "secret" }],
    ["a password", { username: "u", password: "secret" }],
    ["a token file, which is not even read", { tokenFile: "gone" }],
    ["an auth-provider", { "auth-provider": { name: "oidc", config: { "id-token": "secret" } } }],
  ])("is not sent %s, as kubectl does not", async (_, user) => {
    await using api = new ScriptedApi(simple);
    await using harness = await Harness.open(api, { user });
    expect(shown(await harness.follow().changes.next())).toBe("ready a:8080");
    expect(api.asked.map(({ headers }) => headers.get("authorization"))).toEqual(api.asked.map(() => null));
  });

  test("makes no plugin run", async () => {
    await using folder = await tempDir();
    await using api = new ScriptedApi(simple);
    await using harness = await Harness.open(api, { user: exec(await plugin(folder.path, tokenByRun)), environment });
    expect(shown(await harness.follow().changes.next())).toBe("ready a:8080");
    expect(await runs(folder.path)).toBe(0);
  });

  test("hears whom to impersonate, as from kubectl", async () => {
    await using api = new ScriptedApi(simple);
    await using harness = await Harness.open(api, { user: { token: "secret", as: "bob" } });
    await harness.follow().changes.next();
    expect(["impersonate-user", "authorization"].map((name) => api.asked[0]?.headers.get(name))).toEqual(["bob", null]);
  });

  test("that wants credentials is not asked to log in again", async () => {
    await using api = new ScriptedApi(() => status(401, "Unauthorized", "Unauthorized"));
    await using harness = await Harness.open(api, { user: { token: "secret" } });
    const resolution = await harness.follow().changes.next();
    expect(shown(resolution)).toBe(`failed unauthorized: ${api.url} refused a request without credentials: unauthorized`);
    expect(resolution.kind === "failed" && resolution.problem.hints).toEqual([
      "credentials are sent over https only, as kubectl does: write https in the kubeconfig's server",
    ]);
  });
});

test("a redirect takes the credentials nowhere: it is not followed", async () => {
  await using other = ScriptedApi.secure(simple);
  await using api = ScriptedApi.secure(() => Response.redirect(`${other.url}/api`, 307));
  await using harness = await Harness.open(api, { user: { token: "secret" } });
  expect(shown(await harness.follow().changes.next())).toStartWith("failed cluster-error: ");
  expect(other.asked).toEqual([]);
});

describe("401", () => {
  test("without other credentials is reported as it is", async () => {
    await using api = ScriptedApi.secure(() => status(401, "Unauthorized", "Unauthorized"));
    await using harness = await Harness.open(api, { user: { token: "old" } });
    expect(shown(await harness.follow().changes.next())).toBe(
      `failed unauthorized: ${api.url} refused the credentials of user "u": unauthorized`,
    );
    expect((await harness.reached.next()).reachable).toBe(false);
  });

  test("runs the plugin again, once for all who were refused", async () => {
    await using folder = await tempDir();
    await using api = ScriptedApi.secure((asked) =>
      asked.headers.get("authorization") === "Bearer t2" ? simple(asked) : status(401, "Unauthorized"),
    );
    await using harness = await Harness.open(api, { user: exec(await plugin(folder.path, tokenByRun)), environment });
    expect(shown(await harness.follow().changes.next())).toBe("ready a:8080");
    expect(await runs(folder.path)).toBe(2);
    expect((await api.watches.next()).asked.headers.get("authorization")).toBe("Bearer t2");
    expect(await runs(folder.path)).toBe(2);
  });
});

describe("plugins", () => {
  test("run once for many, with the profile's environment, their own and KUBERNETES_EXEC_INFO", async () => {
    await using folder = await tempDir();
    const command = await plugin(
      folder.path,
      `echo "$KUBERNETES_EXEC_INFO" > ${folder.path}/info\necho "$WHO $OWN $HOME" > ${folder.path}/env\n${tokenByRun}`,
    );
    const user = exec(command, { env: [{ name: "OWN", value: "own" }], args: ["x"], provideClusterInfo: true });
    const cluster = { extensions: [{ name: "client.authentication.k8s.io/exec", extension: { audience: "a" } }] };
    await using api = ScriptedApi.secure(simple);
    await using harness = await Harness.open(api, { user, cluster, environment: { ...environment, WHO: "me" } });
    await Promise.all(Array.from({ length: 20 }, () => harness.follow().changes.next()));
    expect(await runs(folder.path)).toBe(1);
    expect(await file(`${folder.path}/env`).text()).toBe("me own \n");
    expect(await file(`${folder.path}/info`).json()).toEqual({
      apiVersion: v1,
      kind: "ExecCredential",
      spec: { interactive: false, cluster: { server: api.url, ...api.trust, config: { audience: "a" } } },
    });
  });

  test("run again when the credential is about to expire", async () => {
    await using folder = await tempDir();
    const clock = new ManualClock();
    const at = (ms: number): string => new Date(clock.wallMs() + ms).toISOString();
    const command = await plugin(
      folder.path,
      `if [ $n = 1 ]; then ${credential(`{"token":"t1","expirationTimestamp":"${at(60_000)}"}`)}; else ${credential('{"token":"t2"}')}; fi`,
    );
    await using api = ScriptedApi.secure(simple);
    await using harness = await Harness.open(api, { user: exec(command), environment, clock });
    const { following, changes } = harness.follow();
    await changes.next();
    await clock.advance(250);
    expect((await api.watches.next()).asked.headers.get("authorization")).toBe("Bearer t1");
    await clock.advance(54_001);
    const before = api.asked.length;
    following.refresh();
    while (api.asked.length === before) await clock.advance(1);
    expect(api.asked[before]?.headers.get("authorization")).toBe("Bearer t2");
    expect(await runs(folder.path)).toBe(2);
  });

  const broken: [string, string, object, string, string | undefined][] = [
    [
      "fails",
      "echo 'token has expired, run: aws sso login' >&2; exit 255",
      {},
      "failed with exit code 255: token has expired, run: aws sso login",
      undefined,
    ],
    ["prints no JSON", "echo secret-token", {}, "printed something that is not JSON", undefined],
    ["prints something else", "echo '{}'", {}, "printed something that is not an ExecCredential", undefined],
    ["gives nothing", credential("{}"), {}, "gave neither a token nor a client certificate", undefined],
    [
      "gives a certificate without a key",
      credential('{"clientCertificateData":"x"}'),
      {},
      "gave a client certificate or a key without the other",
      undefined,
    ],
    [
      "answers in another version",
      credential('{"token":"x"}'),
      { apiVersion: "client.authentication.k8s.io/v1beta1" },
      `answered in apiVersion "${v1}" instead of`,
      undefined,
    ],
    [
      "has a version of old",
      "",
      { apiVersion: "client.authentication.k8s.io/v1alpha1" },
      'has apiVersion "client.authentication.k8s.io/v1alpha1"; known are',
      "update the plugin",
    ],
    ["wants a terminal", "", { interactiveMode: "Always" }, 'has interactiveMode "Always": it wants a terminal', "use another user"],
    [
      "is missing",
      "",
      { command: "kt-no-such-plugin", installHint: "brew install it\n" },
      'exec plugin "kt-no-such-plugin" of user "u" is not in PATH',
      "brew install it",
    ],
    ["is a path to nothing", "", { command: "bin/nothing" }, "does not exist or may not be run", undefined],
  ];
  test.each(broken)("one that %s", async (_, body, more, message, hint) => {
    await using folder = await tempDir();
    const command = await plugin(folder.path, body);
    await using harness = await Harness.open(undefined, {
      server: "https://127.0.0.1:1",
      user: exec(command, { args: ["get-token", "a b"], ...more }),
      environment,
    });
    const resolution = await harness.follow().changes.next();
    expect(shown(resolution)).toStartWith("failed credentials-failed: ");
    expect(shown(resolution)).toContain(message);
    expect(shown(resolution)).not.toContain("secret");
    const hints = resolution.kind === "failed" ? resolution.problem.hints : [];
    if (hint !== undefined) expect(hints[0]).toStartWith(hint);
    else if (message.startsWith("failed")) expect(hints[0]).toBe("kubectl version --context test");
    expect(harness.logged.join("\n")).not.toContain("secret");
  });

  test("what one leaves running, such as a browser, is not waited for", async () => {
    await using folder = await tempDir();
    const command = await plugin(folder.path, `sleep 600 & echo $! > ${folder.path}/left\n${tokenByRun}`);
    try {
      expect(await authorization({ user: exec(command), environment })).toBe("Bearer t1");
    } finally {
      process.kill(Number(await file(`${folder.path}/left`).text()), "SIGKILL");
    }
  });

  test("nothing of its command line is shown, and no secret in its words", async () => {
    await using folder = await tempDir();
    const command = await plugin(folder.path, `echo "I was given $@, $MY_PAT and $VISIBLE; the password is $3" >&2; exit 1`);
    const args = ["-H", "Authorization: Token canary-a1", "--pat", "canary-b", "https://me:canary-c@corp", "--region=eu-west-1", "canary4"];
    const environment = { PATH: process.env["PATH"] ?? "", MY_PAT: "canary-e", VISIBLE: "visible" };
    await using harness = await Harness.open(undefined, { server: "https://127.0.0.1:1", user: exec(command, { args }), environment });
    const resolution = await harness.follow().changes.next();
    if (resolution.kind !== "failed") return expect.unreachable();
    const { message, hints } = resolution.problem;
    expect(hints).toEqual(["kubectl version --context test"]);
    expect(message).toStartWith('exec plugin "plugin" failed with exit code 1: I was given -H ');
    expect(message).toContain("visible");
    expect(message).not.toContain("canary");
  });

  test("one that hangs is ended", async () => {
    await using folder = await tempDir();
    const clock = new ManualClock();
    const command = await plugin(folder.path, "exec sleep 600");
    await using harness = await Harness.open(undefined, { server: "https://127.0.0.1:1", user: exec(command), environment, clock });
    const { changes } = harness.follow();
    const first = changes.next();
    while ((await runs(folder.path)) === 0) await clock.advance(0);
    await clock.advance(60_000);
    expect(shown(await first)).toContain("did not finish within 60 s");
  });
});

const jwt = (expSeconds: number, name = "x"): string =>
  `h.${Buffer.from(JSON.stringify({ exp: expSeconds, name })).toString("base64url")}.s`;
const later = Math.floor(systemClock.wallMs() / 1000) + 3600;

describe("OIDC", () => {
  test("a token that is valid is used as it is", async () => {
    const token = jwt(later);
    expect(await authorization({ user: { "auth-provider": { name: "oidc", config: { "id-token": token } } } })).toBe(`Bearer ${token}`);
  });

  /** An issuer that refreshes "r1" and remembers how it was asked. */
  function issuer(asked: { form: URLSearchParams; authorization: string | null }[], wantsHeader: boolean): ScriptedApi {
    const api: ScriptedApi = new ScriptedApi(async ({ path, headers }, request) => {
      if (path === "/idp/.well-known/openid-configuration") return Response.json({ token_endpoint: `${api.url}/token` });
      const form = new URLSearchParams(await request.text());
      asked.push({ form, authorization: headers.get("authorization") });
      if (wantsHeader !== headers.has("authorization")) return Response.json({ error: "invalid_client" }, { status: 401 });
      if (form.get("refresh_token") !== "r1-token")
        return Response.json({ error: "invalid_grant", error_description: "session is over" }, { status: 400 });
      return Response.json({ id_token: jwt(later, "fresh"), refresh_token: "r2-token" });
    });
    return api;
  }

  test.each([true, false])(
    "an expired one is refreshed, and kubeconfig keeps the new tokens (login in header: %p)",
    async (wantsHeader) => {
      const asked: { form: URLSearchParams; authorization: string | null }[] = [];
      await using idp = issuer(asked, wantsHeader);
      await using folder = await tempDir();
      const config = {
        "id-token": jwt(1),
        "refresh-token": "r1-token",
        "client-id": "id",
        "client-secret": "s&t",
        "idp-issuer-url": `${idp.url}/idp/`,
      };
      const path = `${folder.path}/config`;
      await write(path, `# mine\nid-token: ${config["id-token"]} # old\nrefresh-token: "r1-token"\n`);
      const logged: (LogFields | undefined)[] = [];
      const options = { config, user: "u", file: path, environment: {}, cache: new FileCache(), clock: systemClock };
      const tokens = new OidcTokens({ ...options, log: (_level, _event, fields) => void logged.push(fields) });
      expect(await Promise.all([tokens.get(), tokens.get()])).toEqual([jwt(later, "fresh"), jwt(later, "fresh")]);
      expect(asked.at(-1)?.form.get("grant_type")).toBe("refresh_token");
      expect(asked.at(-1)?.authorization).toBe(wantsHeader ? `Basic ${btoa("id:s%26t")}` : null);
      expect(asked.at(-1)?.form.get("client_id")).toBe(wantsHeader ? null : "id");
      expect(asked.length).toBe(wantsHeader ? 1 : 2);
      expect(await file(path).text()).toBe(`# mine\nid-token: ${jwt(later, "fresh")} # old\nrefresh-token: "r2-token"\n`);
      expect(JSON.stringify(logged)).not.toContain('token":');
    },
  );

  test("what the issuer says is reported", async () => {
    await using idp = issuer([], false);
    const config = { "id-token": jwt(1), "refresh-token": "stale", "client-id": "id", "idp-issuer-url": `${idp.url}/idp` };
    const tokens = new OidcTokens({
      config,
      user: "u",
      file: "/nowhere",
      environment: {},
      cache: new FileCache(),
      clock: systemClock,
      log: silentLog,
    });
    await expect(tokens.get()).rejects.toMatchObject({ code: "credentials-failed", message: expect.stringContaining("session is over") });
  });

  test("what is wrong is said once", async () => {
    const config = { "id-token": jwt(1), "refresh-token": "r" };
    const options = { user: "u", file: "/nowhere", environment: {}, cache: new FileCache(), clock: systemClock, log: silentLog };
    await expect(new OidcTokens({ config, ...options }).get()).rejects.toMatchObject({
      message: 'OIDC login of user "u": the kubeconfig has no idp-issuer-url',
    });
  });

  test.each(["idp-certificate-authority-data", "idp-certificate-authority"])(
    "an issuer's %s without a certificate trusts no server",
    async (key) => {
      await using folder = await tempDir();
      await write(`${folder.path}/ca`, "words");
      const authority = key.endsWith("-data") ? btoa("words") : "ca";
      const config = { "id-token": jwt(1), "refresh-token": "r", "idp-issuer-url": "https://127.0.0.1:1", [key]: authority };
      const options = {
        user: "u",
        file: `${folder.path}/config`,
        environment: {},
        cache: new FileCache(),
        clock: systemClock,
        log: silentLog,
      };
      await expect(new OidcTokens({ config, ...options }).get()).rejects.toMatchObject({
        message: 'OIDC login of user "u": the certificate authority of the issuer holds no certificate',
      });
    },
  );

  test("without a refresh-token the login is over", async () => {
    const config = { "id-token": jwt(1) };
    const tokens = new OidcTokens({
      config,
      user: "u",
      file: "/nowhere",
      environment: {},
      cache: new FileCache(),
      clock: systemClock,
      log: silentLog,
    });
    await expect(tokens.get()).rejects.toMatchObject({
      message: 'OIDC login of user "u": the login has expired and the kubeconfig has no refresh-token',
    });
  });

  test("a token is only replaced where that is safe", () => {
    expect(replaceToken("a: old", "old", "new")).toBe("a: new");
    expect(replaceToken("a: old, b: old", "old", "new")).toBe("a: old, b: old");
    expect(replaceToken("a: old", "old", "new: #x")).toBe("a: old");
    expect(replaceToken("a: old", undefined, "new")).toBe("a: old");
    expect(expiryMs(jwt(17))).toBe(17_000);
    expect(["", "abc", "a.b.c", "a.e30.c"].map(expiryMs)).toEqual([0, 0, 0, 0]);
  });
});
