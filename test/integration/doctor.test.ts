/** `kt doctor` as a process: what it says about a machine that is well and about several that are not, and its bundle. */

import { expect, test } from "bun:test";
import { chmod, mkdir, stat, writeFile } from "node:fs/promises";
import { file, listen } from "bun";
import type { Finding } from "#doctor/finding.ts";
import { selfSigned } from "#tls/self-signed.ts";
import { freePorts } from "#test/support/process.ts";
import { SourceHome } from "#test/support/source-home.ts";
import { stubApi, stubKubeconfig } from "#test/support/stub-api.ts";

/** A home with a kubeconfig and a profile; names that this machine may not know do not matter here. */
async function makeHome(kubeconfig: string, routes = '[tcp]\nPORT = "svc/db:5432"\n'): Promise<{ home: SourceHome; port: number }> {
  const home = await SourceHome.make();
  const [front = 0, port = 0] = freePorts(2);
  await mkdir(`${home.path}/home/.kube`, { recursive: true });
  await writeFile(`${home.path}/home/.kube/config`, kubeconfig);
  const text = `[http]\nlisten = ["127.0.0.1:${front}"]\n${routes.replace("PORT", `"127.0.0.1:${port}"`)}`;
  await writeFile(`${home.project}/tunnels.toml`, text);
  return { home, port };
}

interface Report {
  readonly ok: boolean;
  readonly findings: readonly Finding[];
}

async function ask(home: SourceHome, env: Record<string, string> = {}): Promise<Report & { readonly exitCode: number }> {
  const { stdout, exitCode } = await home.run(["doctor", "--json"], env);
  const report: Report = JSON.parse(stdout);
  return { ...report, exitCode };
}

/** Of one check, as `verdict text`. */
const said = ({ findings }: Report, check: string): string[] =>
  findings.filter((finding) => finding.check === check).map(({ verdict, text }) => `${verdict} ${text}`);

test.concurrent("all is well: 0, one line per check, and the port free", async () => {
  using api = stubApi();
  const { home } = await makeHome(stubKubeconfig(api), "");
  await using _ = home;
  const { stdout, stderr, exitCode } = await home.run(["doctor"]);
  expect(stderr).toBe("");
  expect(exitCode).toBe(0);
  expect(stdout).not.toContain("✗");
  expect(stdout).toMatch(/^✓ profile {6}.*tunnels\.toml: 0 routes, 0 patterns and 0 TCP routes$/m);
  expect(stdout).toContain('the API server knows you as "dev@example.test"');
  expect(stdout).toMatch(/127\.0\.0\.1:\d+ is free/);
  expect(new Set(api.asked)).toContain("create pods/portforward in shop");
});

test.concurrent("no kubeconfig: what depends on it is skipped, and the rest is looked at", async () => {
  const home = await SourceHome.make();
  await using _ = home;
  const report = await ask(home);
  expect(report).toMatchObject({ exitCode: 1, ok: false });
  expect(said(report, "kubeconfig")).toEqual([expect.stringMatching(/^broken there is no kubeconfig: .*\.kube\/config" does not exist$/)]);
  expect(said(report, "profile")[0]).toStartWith("skipped");
  for (const check of ["credentials", "server", "clock", "login", "access"]) expect(said(report, check)[0]).toStartWith("skipped");
  expect(said(report, "hub")[0]).toStartWith("ok");
});

test.concurrent("a profile that cannot be used, with every problem", async () => {
  using api = stubApi();
  const { home } = await makeHome(stubKubeconfig(api), 'rutes = 1\n[tcp]\n1 = "?"\n');
  await using _ = home;
  const report = await ask(home);
  expect(report.exitCode).toBe(1);
  expect(said(report, "profile")).toHaveLength(2);
  expect(said(report, "login")[0]).toStartWith("ok");
});

test.concurrent("a client certificate that has expired", async () => {
  using api = stubApi();
  const { cert, key } = selfSigned("me", Date.now() - 9 * 24 * 3600_000);
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const { home } = await makeHome(
    stubKubeconfig(api, { user: { "client-certificate-data": base64(cert), "client-key-data": base64(key) } }),
  );
  await using _ = home;
  const report = await ask(home);
  expect(said(report, "credentials")).toEqual([
    expect.stringMatching(/^broken the client certificate of user "dev" \(CN=me\) expired 8 days ago/),
  ]);
  expect(said(report, "server")[0]).toStartWith("ok");
  expect(said(report, "access")).toEqual(["skipped the credentials are not valid"]);
});

test.concurrent("a server whose certificate has expired because our clock is ahead", async () => {
  using api = stubApi({ madeAtMs: Date.now() - 9 * 24 * 3600_000, aheadMs: -9 * 24 * 3600_000 });
  const { home } = await makeHome(stubKubeconfig(api));
  await using _ = home;
  const report = await ask(home);
  expect(said(report, "server")).toEqual([expect.stringMatching(/^broken .*the server's certificate has expired$/)]);
  expect(said(report, "clock")).toEqual([expect.stringMatching(/^broken this machine's clock is 9 days ahead of the API server's/)]);
});

test.concurrent("missing verbs", async () => {
  using api = stubApi({ forbidden: ["create pods/portforward"] });
  const { home } = await makeHome(stubKubeconfig(api));
  await using _ = home;
  const report = await ask(home);
  expect(said(report, "access")).toEqual(['broken in namespace "shop" you may not create pods/portforward']);
});

test.concurrent("a missing plugin, and what it takes to have it", async () => {
  using api = stubApi();
  const exec = { apiVersion: "client.authentication.k8s.io/v1", command: "gke-gcloud-auth-plugin", interactiveMode: "Never" };
  const { home } = await makeHome(stubKubeconfig(api, { user: { exec } }));
  await using _ = home;
  const { stdout, exitCode } = await home.run(["doctor"], { PATH: "/nowhere" });
  expect(exitCode).toBe(1);
  expect(stdout).toMatch(/✗ credentials {2}exec plugin "gke-gcloud-auth-plugin" of user "dev" is not in PATH/);
  expect(stdout).toContain("gcloud components install gke-gcloud-auth-plugin");
});

test.concurrent("credentials that the server refuses", async () => {
  using api = stubApi({ refuses: true });
  const { home } = await makeHome(stubKubeconfig(api));
  await using _ = home;
  const report = await ask(home);
  expect(said(report, "login")[0]).toMatch(/^broken .* refused the credentials of user "dev"/);
  expect(said(report, "access")[0]).toStartWith("skipped");
});

test.concurrent("a server that never answers: done in time", async () => {
  using silent = listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { home } = await makeHome(stubKubeconfig({ url: `https://127.0.0.1:${silent.port}`, ca: selfSigned("x", Date.now()).cert }));
  await using _ = home;
  const startedMs = performance.now();
  const report = await ask(home);
  expect(performance.now() - startedMs).toBeLessThan(10_000);
  expect(said(report, "server")).toEqual([expect.stringMatching(/^broken .* did not answer within 3 s$/)]);
}, 15_000);

test.concurrent("ports: taken by another program, then held by the hub", async () => {
  using api = stubApi();
  const { home, port } = await makeHome(stubKubeconfig(api));
  await using _ = home;
  const taken = listen({ hostname: "127.0.0.1", port, socket: { data() {} } });
  const before = await ask(home);
  expect(said(before, "ports")[0]).toMatch(new RegExp(`^broken 127\\.0\\.0\\.1:${port} is taken by ".*" \\(pid ${process.pid}\\)$`));
  taken.stop(true);
  await home.run(["up", "-d"]);
  const after = await ask(home);
  expect(said(after, "ports")).toEqual([expect.stringMatching(/^ok the hub listens on /)]);
  expect(said(after, "hub")[0]).toMatch(/^ok runs as pid \d+ with 1 profile/);
});

test.concurrent("two contexts, told apart", async () => {
  using api = stubApi();
  const [one, two] = ["dev", "prod"].map((context) => JSON.parse(stubKubeconfig(api, { context })));
  const both = { ...one };
  for (const list of ["clusters", "users", "contexts"]) both[list] = [...one[list], ...two[list]];
  const { home } = await makeHome(
    JSON.stringify(both),
    '[tcp.PORT]\ntarget = "svc/db:5432"\ncontext = "prod"\n[routes]\n"a.localhost" = "svc/a:80"\n',
  );
  await using _ = home;
  const { stdout } = await home.run(["doctor"]);
  expect(stdout).toContain('login        dev: the API server knows you as "dev@example.test"');
  expect(stdout).toContain('login        prod: the API server knows you as "dev@example.test"');
});

test.concurrent("a context that is not there: the routes of the others are tried all the same", async () => {
  using api = stubApi();
  const { home } = await makeHome(
    stubKubeconfig(api),
    '[tcp]\nPORT = "svc/db:5432"\n[routes]\n"a.localhost" = { target = "svc/a:80", context = "nope" }\n',
  );
  await using _ = home;
  const routes = said(await ask(home), "routes");
  expect(routes).toContain("skipped 1 route: what is wrong above comes first");
  expect(routes.join("\n")).toMatch(/svc\/db:5432|leads to a pod/);
});

test.concurrent("the bundle has no secret, wherever one is", async () => {
  using api = stubApi();
  const plugin = '#!/bin/sh\necho "denied: bad token s3cret-exec-env" >&2; exit 1\n';
  const kubeconfig = JSON.parse(stubKubeconfig(api, { cluster: { "proxy-url": "http://me:s3cret-proxy@127.0.0.1:1" } }));
  const exec = {
    apiVersion: "client.authentication.k8s.io/v1",
    command: "../../plugin",
    args: ["login", "--client-secret=s3cret-argument", "--password", "s3cret-word"],
    env: [{ name: "ACME", value: "s3cret-exec-env" }],
    interactiveMode: "Never",
  };
  const user = {
    token: "s3cret-token",
    password: "s3cret-password",
    "client-key-data": Buffer.from("s3cret-key").toString("base64"),
    "auth-provider": { name: "oidc", config: { "client-secret": "s3cret-oidc", "refresh-token": "s3cret-refresh" } },
  };
  kubeconfig.users = [
    { name: "dev", user: { exec } },
    { name: "other", user },
  ];
  const { home } = await makeHome(
    JSON.stringify(kubeconfig),
    '# the password is s3cret-comment\n[tcp]\nPORT = "svc/db:5432"\n[env]\nDATABASE_URL = "postgres://app:s3cret-url@localhost/app"\nPLAIN = "s3cret-plain"\nFROM = "${FROM_SHELL}"\n',
  );
  await using _ = home;
  await writeFile(`${home.path}/plugin`, plugin);
  await chmod(`${home.path}/plugin`, 0o755);
  const logs = `${home.path}/home/${process.platform === "darwin" ? "Library/Logs" : ".local/state"}/kt`;
  await mkdir(logs, { recursive: true });
  await writeFile(
    `${logs}/hub.log`,
    "line one\nAuthorization: Bearer s3cret-in-log\nproxy http://u:s3cret-log-url@p:1 s3cret-token s3cret-aws\n",
  );
  const env = {
    AWS_SECRET_ACCESS_KEY: "s3cret-aws",
    GITHUB_TOKEN: "s3cret-github",
    HTTPS_PROXY: "http://me:s3cret-env-proxy@proxy:3128",
    FROM_SHELL: "s3cret-from-shell",
  };
  const { exitCode, stdout } = await home.run(["doctor", "--bundle", "report.json"], env);
  expect(exitCode).toBe(1);
  expect(stdout).toContain("report.json: secrets are masked");
  const path = `${home.project}/report.json`;
  const text = await file(path).text();
  expect(text).not.toContain("s3cret");
  expect(text).not.toContain(Buffer.from("s3cret-key").toString("base64"));
  expect(text).not.toContain(`${home.path}/home`);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  const bundle = JSON.parse(text);
  expect(bundle.log[0]).toBe("line one");
  expect(bundle.environment.HTTPS_PROXY).toBe("http://***@proxy:3128");
  expect(Object.values<string>(bundle.profiles).join()).toContain("svc/db:5432");
  expect(JSON.stringify(bundle.kubeconfig)).toContain(api.url);
  expect(bundle.findings.length).toBeGreaterThan(8);
});

test.concurrent("the bundle of a profile that is not TOML does not quote it", async () => {
  const { home } = await makeHome("{}", '[env]\nPASSWORD = "s3cret-unfinished\n');
  await using _ = home;
  await home.run(["doctor", "--bundle", "report.json"]);
  const text = await file(`${home.project}/report.json`).text();
  expect(text).not.toContain("s3cret");
  expect(text).toContain("tunnels.toml:4:");
});

test.concurrent("a bundle that cannot be written", async () => {
  const home = await SourceHome.make();
  await using _ = home;
  const { stderr, exitCode } = await home.run(["doctor", "--bundle", "/proc/nowhere/report.json"]);
  expect(exitCode).toBe(1);
  expect(stderr).toContain('kt: error: write "/proc/nowhere/report.json"');
});
