/** The verdicts of `kt doctor`: each check on facts that are good, odd and bad. */

import { describe, expect, test } from "bun:test";
import { KtError } from "#base/errors.ts";
import type { Snapshot } from "#control/api.ts";
import { type Asked, judgeAccess } from "#doctor/access.ts";
import { judgeCredentials } from "#doctor/credentials.ts";
import type { Finding } from "#doctor/finding.ts";
import { judgeHub } from "#doctor/hub.ts";
import { forKubeconfig } from "#doctor/kubeconfig.ts";
import { judgeNames, judgeProxies } from "#doctor/names.ts";
import { needsOf } from "#doctor/needs.ts";
import { examinePorts, type PortQuestion } from "#doctor/ports.ts";
import { judgeServer } from "#doctor/server.ts";
import { judgeClock, timeSpan } from "#doctor/time.ts";
import { anonymous } from "#kube/auth/credentials.ts";
import type { ContextConfig, UserConfig } from "#kube/config/context-config.ts";
import { selfSigned } from "#tls/self-signed.ts";
import { loadPlan } from "#profile/load.ts";
import type { Plan } from "#profile/values/plan.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** `verdict text`, one per finding. */
const lines = (findings: readonly Finding[]): string[] => findings.map(({ verdict, text }) => `${verdict} ${text}`);
const fixes = (findings: readonly Finding[]): readonly string[] => findings.flatMap((finding) => finding.fixes);

async function planOf(text: string): Promise<Plan> {
  const file = "/shop/tunnels.toml";
  const readText = async (path: string) => (path === file ? text : undefined);
  return (await loadPlan({ file, environment: {}, home: "/home/me", readText })).plan;
}

const noUser: UserConfig = {
  name: "me",
  file: "/config",
  cert: {},
  key: {},
  token: undefined,
  tokenFile: undefined,
  username: undefined,
  password: undefined,
  exec: undefined,
  authProvider: undefined,
  impersonate: undefined,
};

function contextOf(user: Partial<UserConfig> | undefined, cluster: Partial<ContextConfig["cluster"]> = {}): ContextConfig {
  const usual = {
    name: "c",
    file: "/home/me/.kube/config",
    server: "https://api:6443",
    ca: {},
    tlsServerName: undefined,
    insecure: false,
    proxyUrl: undefined,
  };
  return {
    name: "dev",
    file: usual.file,
    namespace: "shop",
    isInside: false,
    cluster: { ...usual, execExtension: undefined, ...cluster },
    user: user && { ...noUser, ...user },
  };
}

const exec = {
  apiVersion: "client.authentication.k8s.io/v1",
  command: "aws",
  args: [],
  env: {},
  installHint: undefined,
  interactiveMode: undefined,
  provideClusterInfo: false,
};

describe("credentials", () => {
  const nothing = { authorization: undefined, cert: undefined, key: undefined };
  const madeAtMs = Date.parse("2026-01-10T12:00:00Z");
  const { cert } = selfSigned("me", madeAtMs);
  const judge = (user: Partial<UserConfig> | undefined, found: Parameters<typeof judgeCredentials>[1], nowMs = madeAtMs) =>
    judgeCredentials(contextOf(user), found, nowMs);

  test.each([
    [madeAtMs + 3 * dayMs, 'broken the client certificate of user "me" (CN=me) expired 2 days ago, at 2026-01-11T12:00:00.000Z'],
    [madeAtMs + hourMs, 'warn the client certificate of user "me" (CN=me) expires in 23 hours, at 2026-01-11T12:00:00.000Z'],
    [madeAtMs - dayMs, 'broken the client certificate of user "me" (CN=me) is not valid before 2026-01-10T11:00:00.000Z, in 23 hours'],
    [madeAtMs - hourMs, 'ok the client certificate of user "me" (CN=me) is valid until 2026-01-11T12:00:00.000Z'],
  ])("a client certificate at %d", (nowMs, line) => {
    expect(lines(judge({ cert: { pem: cert } }, { ...nothing, cert, key: "" }, nowMs))).toEqual([line]);
  });

  test("what is not a certificate", () => {
    expect(lines(judge({}, { ...nothing, cert: "garbage" }))).toEqual([
      'broken the client certificate of user "me" is not a PEM certificate',
    ]);
  });

  test("a plugin's own words, and how to have it", () => {
    const problem = new KtError("credentials-failed", 'exec plugin "aws" failed with exit code 255: Token has expired', {
      hints: ["aws x"],
    });
    const findings = judge({ exec }, problem);
    expect(lines(findings)).toEqual(['broken exec plugin "aws" failed with exit code 255: Token has expired']);
    expect(fixes(findings)).toEqual(["aws x", "aws sso login", expect.stringContaining("install the AWS CLI")]);
  });

  test("no second advice where the kubeconfig has its own", () => {
    const problem = new KtError("credentials-failed", "x", { hints: ["install it so"] });
    expect(fixes(judge({ exec: { ...exec, installHint: "install it so" } }, problem))).toEqual(["install it so"]);
  });

  const jwt = (expSeconds: number): string => `h.${Buffer.from(JSON.stringify({ exp: expSeconds })).toString("base64url")}.s`;

  test.each<[string, Partial<UserConfig>, number, string]>([
    ["its own", { token: "t" }, 3 * dayMs, 'ok the token of user "me" is valid until 2026-01-13T12:00:00.000Z'],
    ["its own, expired", { token: "t" }, -3 * hourMs, 'broken the token of user "me" expired 3 hours ago, at 2026-01-10T09:00:00.000Z'],
    ["a plugin's", { exec }, 15 * minuteMs, 'ok user "me": exec plugin "aws" gives credentials; the token is good for 15 minutes'],
  ])("a JSON Web Token: %s", (_, user, leftMs, line) => {
    const authorization = `Bearer ${jwt((madeAtMs + leftMs) / 1000)}`;
    expect(lines(judge(user, { ...nothing, authorization }))).toEqual([line]);
  });

  test.each<[Partial<UserConfig> | undefined, string]>([
    [{ token: "t" }, 'ok user "me": a token'],
    [{ tokenFile: "/t" }, 'ok user "me": the token of "/t"'],
    [{ username: "u" }, 'ok user "me": a user name and a password'],
    [{}, 'ok user "me": no credentials: requests are anonymous'],
    [undefined, "warn the context names no user: requests are anonymous"],
  ])("other kinds: %j", (user, line) => {
    expect(lines(judge(user, { ...nothing, authorization: user?.token && "Bearer opaque" }))).toEqual([line]);
  });
});

describe("server", () => {
  const config = contextOf({});
  const unreached = (code: string, message = "connect to https://api:6443: x") => ({
    problem: new KtError(code === "proxy" ? "proxy-failed" : "cluster-unreachable", message),
    code,
  });

  test("answers", () => {
    expect(lines(judgeServer(config, { status: 200, version: "v1.35.0", tookMs: 12.3 }, undefined))).toEqual([
      "ok https://api:6443 answers: Kubernetes v1.35.0, in 12 ms",
    ]);
    expect(lines(judgeServer(config, { status: 403, version: undefined, tookMs: 1 }, undefined))).toEqual([
      "ok https://api:6443 answers, in 1 ms",
    ]);
    expect(lines(judgeServer(config, { status: 503, version: undefined, tookMs: 1 }, undefined))[0]).toStartWith("broken");
  });

  test("names the proxy in use and what says so, without its password", () => {
    const proxy = { url: new URL("http://me:s3cret@proxy:3128"), from: "HTTPS_PROXY" };
    const [line = ""] = lines(judgeServer(config, { status: 200, version: undefined, tookMs: 1 }, proxy));
    expect(line).toBe("ok https://api:6443 answers through the proxy http://proxy:3128 (HTTPS_PROXY), in 1 ms");
    expect(fixes(judgeServer(config, unreached("ETIMEDOUT"), proxy)).join()).toContain('NO_PROXY="$NO_PROXY",api');
    expect(fixes(judgeServer(config, unreached("proxy"), { ...proxy, from: "proxy-url" })).join()).toContain("proxy-url");
  });

  test("names the proxy in use also where the server's own name has that word in it", () => {
    const proxy = { url: new URL("http://squid:3128"), from: "HTTPS_PROXY" };
    const named = unreached("ETIMEDOUT", "connect to https://k8s-proxy.test: timed out");
    expect(lines(judgeServer(config, named, proxy))).toEqual([
      "broken connect to https://k8s-proxy.test: timed out through the proxy http://squid:3128 (HTTPS_PROXY)",
    ]);
    const failed = unreached("proxy", "connect through the proxy squid:3128 to k8s.test:443: connection refused");
    expect(lines(judgeServer(config, failed, proxy))).toEqual([
      "broken connect through the proxy squid:3128 to k8s.test:443: connection refused",
    ]);
  });

  test("warns of a certificate that is not checked", () => {
    const findings = judgeServer(contextOf({}, { insecure: true }), { status: 200, version: undefined, tookMs: 1 }, undefined);
    expect(findings.map(({ verdict }) => verdict)).toEqual(["ok", "warn"]);
  });

  test.each([
    ["ENOTFOUND", "VPN"],
    ["ECONNREFUSED", "does the cluster run?"],
    ["ETIMEDOUT", "firewall"],
    ["CERT_HAS_EXPIRED", "kubeadm certs renew"],
    ["CERT_NOT_YET_VALID", "clock"],
    ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "fetch its kubeconfig again"],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "--tls-server-name="],
    ["EPROTO", "http://"],
  ])("%s has its own fix", (code, part) => {
    const findings = judgeServer(config, unreached(code), undefined);
    expect(findings[0]?.verdict).toBe("broken");
    expect(fixes(findings).join("\n")).toContain(part);
    expect(fixes(findings).at(-1)).toBe("kubectl version --context dev");
  });
});

describe("clock", () => {
  test.each([
    [0, "ok"],
    [59_000, "ok"],
    [-61_000, "warn"],
    [299_000, "warn"],
    [-301_000, "broken"],
    [7 * hourMs, "broken"],
  ])("%d ms ahead", (aheadMs, verdict) => {
    const [finding] = judgeClock("dev", aheadMs, "linux");
    expect(finding?.verdict).toBe(verdict as Finding["verdict"]);
    if (verdict === "ok") return;
    expect(finding?.text).toContain(aheadMs > 0 ? "ahead of the API server's: certificates and tokens that are still good" : "behind");
    expect(finding?.fixes[0]).toBe("sudo timedatectl set-ntp true");
  });

  test("is not known without an answer", () => expect(judgeClock("dev", undefined, "linux")[0]?.verdict).toBe("skipped"));

  test.each([
    [0, "0 seconds"],
    [1000, "1 second"],
    [119_000, "119 seconds"],
    [90 * minuteMs, "90 minutes"],
    [3 * dayMs, "3 days"],
  ])("%d ms in words", (spanMs, words) => expect(timeSpan(spanMs)).toBe(words));
});

describe("access", () => {
  const ask = (without: string | undefined, verb: string, resource: string, allowed: boolean, either?: string): Asked => {
    const need = { verb, resource, group: resource === "endpointslices" ? "discovery.k8s.io" : "", namespace: "shop", without, allowed };
    return either === undefined ? need : { ...need, either };
  };

  test("all is allowed", () => {
    expect(lines(judgeAccess("dev", [ask(undefined, "get", "services", true)]))).toEqual([
      'ok all that the routes need is allowed in namespace "shop"',
    ]);
  });

  test("what is missing, with the command that shows it and the rule that would allow it", () => {
    const findings = judgeAccess("dev", [
      ask(undefined, "get", "services", false),
      ask(undefined, "create", "pods/portforward", false),
      ask("slower", "get", "pods/portforward", false),
      ask("blind", "list", "endpointslices", true),
    ]);
    expect(lines(findings)).toEqual([
      'broken in namespace "shop" you may not get services, create pods/portforward',
      'warn in namespace "shop" you may not get pods/portforward: slower',
    ]);
    expect(findings[0]?.fixes).toEqual([
      "kubectl auth can-i get services -n shop --context dev",
      "kubectl auth can-i create pods --subresource=portforward -n shop --context dev",
      'ask for a Role in "shop" with rules: [{apiGroups: [""], resources: ["services"], verbs: ["get"]}, {apiGroups: [""], resources: ["pods/portforward"], verbs: ["create"]}]',
    ]);
  });

  test("of two ways one is enough", () => {
    const one = judgeAccess("dev", [ask("by labels", "list", "endpointslices", false, "x"), ask("blind", "list", "pods", true, "x")]);
    expect(lines(one)).toEqual(['warn in namespace "shop" you may not list endpointslices: by labels']);
    const none = judgeAccess("dev", [ask("by labels", "list", "endpointslices", false, "x"), ask("blind", "list", "pods", false, "x")]);
    expect(lines(none)).toEqual(['broken in namespace "shop" you may not list endpointslices, list pods']);
  });
});

describe("needs", () => {
  const needs = async (text: string) =>
    [...needsOf(await planOf(text))].map(([context, all]) => [
      context,
      all.map(({ verb, resource, namespace }) => `${verb} ${resource} ${namespace ?? "-"}`),
    ]);

  test("of whole namespaces, by name", async () => {
    const [[context, all = []] = []] = await needs('[[forward]]\nnamespaces = ["shop", "team-*"]\ncontext = "prod"\n');
    expect(context).toBe("prod");
    expect((all as string[]).slice(0, 3)).toEqual(["list services shop", "watch services shop", "get services shop"]);
    expect((all as string[]).filter((need) => !need.endsWith(" shop"))).toEqual([]);
  });

  test("by context and namespace, each once", async () => {
    const text = `[routes]\n"a.localhost" = "x/svc/a:80"\n"b.localhost" = "x/svc/b:80"\n[tcp.5432]\ntarget = "pod/db-0:5432"\ncontext = "prod"\n`;
    expect(await needs(text)).toEqual([
      [
        undefined,
        [
          "get services x",
          "list endpointslices x",
          "watch endpointslices x",
          "list pods x",
          "watch pods x",
          "create pods/portforward x",
          "get pods/portforward x",
        ],
      ],
      ["prod", ["get pods -", "list pods -", "watch pods -", "create pods/portforward -", "get pods/portforward -"]],
    ]);
  });

  test("a service that leads here is made, and one that is replaced is changed and given back", async () => {
    const text = (more: string): string =>
      `[relay]\nimage = "a/b:1"\n[[reverse]]\nservice = "shop/api:80"\nlocal = "127.0.0.1:3000"\n${more}`;
    const [[, made = []] = []] = await needs(text(""));
    expect(made).toContain("create services shop");
    expect((made as string[]).filter((need) => /role|patch/.test(need))).toEqual([]);
    const [[, replaced = []] = []] = await needs(text("replace = true\n"));
    expect(replaced).toEqual(
      expect.arrayContaining(["patch services shop", "create roles shop", "create rolebindings shop", "patch jobs shop"]),
    );
    expect(replaced).not.toContain("create services shop");
  });

  test("jump hosts exec, and make pods where the profile says so", async () => {
    const text = `[tcp.3306]\ntarget = "db.internal:3306"\nvia = { pod = "kt-jump", create = { image = "a/b:1" } }\n`;
    const [[, all] = []] = await needs(text);
    expect(all).toContain("create pods/exec -");
    expect(all).not.toContain("create pods/portforward -");
    expect(all).toEqual(expect.arrayContaining(["create pods -", "delete pods -", "patch pods -"]));
  });

  test("without routes, those of dynamic names", async () => {
    expect((await needs('context = "dev"\nnamespace = "shop"\n'))[0]?.[0]).toBe("dev");
  });
});

describe("names", () => {
  test("that lead here", () => {
    expect(lines(judgeNames(new Map([["a.localhost", ["127.0.0.1", "::1"]]])))).toEqual(['ok "a.localhost" leads to this machine']);
  });

  test("that the resolver does not know, or does not say in time", () => {
    const found = new Map([
      ["a.localhost", []],
      ["b.localhost", undefined],
      ["c.test", []],
      ["d.test", ["10.1.2.3"]],
    ]);
    const findings = judgeNames(found);
    expect(lines(findings)).toEqual([
      expect.stringMatching(/^warn .*"a.localhost", "b.localhost": curl and most browsers/),
      'warn this machine\'s resolver does not know "c.test"',
      'warn "d.test" leads to 10.1.2.3 and not to this machine',
    ]);
    expect(findings[0]?.fixes[0]).toBe("echo '127.0.0.1 a.localhost b.localhost' | sudo tee -a /etc/hosts");
  });
});

describe("proxies", () => {
  test.each([
    [{}, "ok"],
    [{ HTTPS_PROXY: "http://p:1" }, "ok"],
    [{ http_proxy: "http://p:1" }, "warn"],
    [{ HTTP_PROXY: "http://p:1", NO_PROXY: "example.com" }, "warn"],
    [{ HTTP_PROXY: "http://p:1", NO_PROXY: "example.com,localhost" }, "ok"],
    [{ HTTP_PROXY: "http://p:1", no_proxy: ".localhost" }, "ok"],
    [{ HTTP_PROXY: "gopher://p:1" }, "broken"],
  ])("%j", (environment, verdict) => {
    const [finding] = judgeProxies(["a.localhost"], environment);
    expect(finding?.verdict).toBe(verdict as Finding["verdict"]);
  });

  test("shows no password", () => {
    const [finding] = judgeProxies(["a.localhost"], { HTTP_PROXY: "http://me:s3cret@p:1" });
    expect(finding?.text).toBe('HTTP_PROXY sends "a.localhost" to http://p:1, which does not know them');
  });
});

test("names that NO_PROXY lists then bypass the proxies", () => {
  const names = ["shop.test", "a.localhost"];
  const proxies = { HTTP_PROXY: "http://p:1" };
  const [fix = ""] = fixes(judgeProxies(names, proxies));
  const [, NO_PROXY = ""] = /^export NO_PROXY=(\S*),"\$NO_PROXY" no_proxy=\1,"\$no_proxy"$/.exec(fix) ?? [];
  expect(lines(judgeProxies(names, { ...proxies, NO_PROXY }))).toEqual(["ok no proxy stands between programs here and kt"]);
});

describe("ports", () => {
  const fail = (code: "port-taken" | "listen-failed", system: string): never => {
    throw new KtError(code, "listen on x", { cause: Object.assign(new Error(system), { code: system }) });
  };
  async function judge(question: Partial<PortQuestion>) {
    const plan = await planOf('[http]\nlisten = ["127.0.0.1:8989"]\n[tcp]\n5432 = "svc/db:5432"\n');
    return await examinePorts(plan, { tryListen() {}, holderOf: async () => undefined, ours: new Set(), ...question });
  }

  test("free and ours", async () => {
    expect(lines(await judge({ ours: new Set(["127.0.0.1:8989"]) }))).toEqual([
      "ok the hub listens on 127.0.0.1:8989",
      "ok 127.0.0.1:5432, [::1]:5432 are free",
    ]);
  });

  test("taken, by whom", async () => {
    const tryListen: PortQuestion["tryListen"] = ({ port }) => void (port === 8989 && fail("port-taken", "EADDRINUSE"));
    const findings = await judge({ tryListen, holderOf: async () => ({ who: '"nginx" (pid 7)', fixes: ["kill 7"] }) });
    expect(lines(findings)).toContain('broken 127.0.0.1:8989 is taken by "nginx" (pid 7)');
    expect(fixes(findings)).toEqual(["kill 7", "choose another port in tunnels.toml"]);
    expect(lines(await judge({ tryListen })).join()).toContain("a program of another user");
  });

  test("a missing IPv6 loopback does not matter; another missing address does", async () => {
    const tryListen: PortQuestion["tryListen"] = () => fail("listen-failed", "EADDRNOTAVAIL");
    expect((await judge({ tryListen })).map(({ verdict }) => verdict)).toEqual(["broken", "broken", "ok"]);
  });

  test("low ports", async () => {
    const tryListen: PortQuestion["tryListen"] = () => fail("listen-failed", "EACCES");
    expect(fixes(await judge({ tryListen }))[0]).toBe("choose a port above 1023");
  });
});

describe("hub", () => {
  const build = { version: "1.0.0", commit: "abc", logFile: "/log" };
  const hub = { protocol: 1, version: "1.0.0", commit: "abc", pid: 7, startedAtMs: 0 };
  const snapshot = (change: Partial<Snapshot["hub"]>, profiles: Snapshot["profiles"] = []): Snapshot => ({
    hub: { ...hub, ...change },
    profiles,
  });

  test("none, one, one of another version, a silent one", () => {
    expect(lines(judgeHub({ ...build, snapshot: undefined }))).toEqual(['ok does not run, kt up starts it; its log is "/log"']);
    expect(lines(judgeHub({ ...build, snapshot: snapshot({}) }))).toEqual(['ok runs as pid 7 with 0 profiles; its log is "/log"']);
    expect(lines(judgeHub({ ...build, snapshot: snapshot({ version: "0.9.0" }) }))).toEqual([
      "warn the hub that runs is kt 0.9.0 (abc), this is kt 1.0.0 (abc)",
    ]);
    const silent = new KtError("hub-failed", "the hub that runs did not answer within 2 s", { hints: ["kill -9 7"] });
    expect(fixes(judgeHub({ ...build, snapshot: silent }))).toEqual(["kill -9 7", "tail /log"]);
  });

  test("a file that cannot be used", () => {
    const problem = { code: "profile-invalid", message: "no such key", hints: [] } as const;
    const profile = { profile: "/p", name: "p", pinned: false, clients: 1, listeners: [], routes: [], warnings: [] };
    const findings = judgeHub({ ...build, snapshot: snapshot({}, [{ ...profile, problem: { ...problem, hints: [] } }]) });
    expect(lines(findings).at(-1)).toBe('warn "/p" runs its last valid version: no such key');
  });
});

describe("commands to paste", () => {
  test("quote what a shell would take apart", () => {
    const odd = { ...contextOf(undefined, { name: "my cluster" }), name: "it's $(me)" };
    const answer = { status: 200, version: undefined, tookMs: 1 };
    const insecure = { ...odd, cluster: { ...odd.cluster, insecure: true } };
    expect(fixes(judgeServer(insecure, answer, undefined))[0]).toStartWith("kubectl config set-cluster 'my cluster' --insecure");
    expect(fixes(judgeCredentials(odd, anonymous, 0))).toEqual(["kubectl config set-context 'it'\\''s $(me)' --user=USER"]);
    const unreached = { problem: new KtError("cluster-unreachable", "no"), code: "ECONNREFUSED" };
    expect(fixes(judgeServer(odd, unreached, undefined)).at(-1)).toBe("kubectl version --context 'it'\\''s $(me)'");
  });

  test("are about the kubeconfig that the profile names", () => {
    const findings = judgeCredentials(contextOf(undefined), anonymous, 0);
    expect(forKubeconfig(findings, ["/a b", "/c"], ["/a b", "/c"])).toBe(findings);
    const asked = forKubeconfig(findings, ["/a b", "/c"], ["/home/me/.kube/config"]);
    expect(fixes(asked)).toEqual(["KUBECONFIG='/a b:/c' kubectl config set-context dev --user=USER"]);
  });
});
