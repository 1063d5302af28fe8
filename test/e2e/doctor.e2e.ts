/** `kt doctor` against the real cluster: nothing wrong, and one thing wrong at a time. */

import { afterAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { listen } from "bun";
import { createUser, namespace, ownNamespace, readKubeconfig, type Rule, run, writeKubeconfig } from "#test/support/cluster.ts";
import { Home } from "#test/support/kt.ts";
import { freePorts } from "#test/support/process.ts";
import { stubApi, stubKubeconfig } from "#test/support/stub-api.ts";

interface Finding {
  readonly check: string;
  readonly verdict: string;
  readonly text: string;
  readonly fixes: readonly string[];
}

interface Report {
  readonly exitCode: number;
  readonly findings: readonly Finding[];
  readonly tookMs: number;
}

const jumps = await ownNamespace("doctor");
afterAll(async () => await jumps.remove());

/** Runs it as this kubeconfig's user, with a profile of one TCP route. */
async function diagnose(
  kubeconfig: string,
  options: { port?: number; target?: string; env?: Record<string, string> } = {},
): Promise<Report> {
  const home = new Home({ KUBECONFIG: kubeconfig, ...options.env });
  const [front = 0, free = 0] = freePorts(2);
  const { port = free, target = 'target = "svc/web:80"' } = options;
  home.write("tunnels.toml", `namespace = "${namespace}"\n[http]\nlisten = ["127.0.0.1:${front}"]\n[tcp."127.0.0.1:${port}"]\n${target}\n`);
  const startedMs = performance.now();
  const ran = await home.run(["doctor", "--json"]);
  const tookMs = performance.now() - startedMs;
  await home.close();
  const { findings }: { findings: Finding[] } = JSON.parse(ran.stdout);
  return { exitCode: ran.exitCode, findings, tookMs };
}

const broken = ({ findings }: Report): Finding[] => findings.filter(({ verdict }) => verdict === "broken");

test("everything is fine", async () => {
  const report = await diagnose(await writeKubeconfig({ kt: { namespace } }));
  expect(broken(report)).toEqual([]);
  expect(report.exitCode).toBe(0);
  const text = report.findings.map((finding) => `${finding.check}: ${finding.text}`).join("\n");
  expect(text).toMatch(/^server: https:.* answers: Kubernetes v1\.\d+/m);
  expect(text).toContain("access: all that the routes need is allowed");
  expect(text).toMatch(/^login: the API server knows you as ".+"$/m);
  expect(text).toMatch(/^clock: agrees/m);
});

test("no kubeconfig", async () => {
  const report = await diagnose("/nowhere/config");
  expect(report.exitCode).toBe(1);
  expect(broken(report)).toMatchObject([{ check: "kubeconfig", text: 'there is no kubeconfig: "/nowhere/config" does not exist' }]);
});

describe("certificates", () => {
  test("of the client: expired", async () => {
    const home = new Home();
    const at = `${home.path}/expired`;
    const dates = ["-not_before", "20200101000000Z", "-not_after", "20200102000000Z"];
    const made = await run([
      "openssl",
      "req",
      "-x509",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-keyout",
      `${at}.key`,
      "-out",
      `${at}.crt`,
      "-subj",
      "/CN=old",
      ...dates,
    ]);
    // Before OpenSSL 3.2 only the signing of requests takes dates.
    if (made.exitCode !== 0) await signOld(at);
    const report = await diagnose(
      await writeKubeconfig({ kt: { namespace, user: { "client-certificate": `${at}.crt`, "client-key": `${at}.key` } } }),
    );
    expect(report.exitCode).toBe(1);
    expect(broken(report)).toMatchObject([
      { check: "credentials", text: expect.stringMatching(/client certificate of user "kt" \(CN=old\) expired \d+ days ago/) },
    ]);
    expect(report.findings.find(({ check }) => check === "access")?.verdict).toBe("skipped");
    await home.close();
  });

  async function signOld(at: string): Promise<void> {
    const folder = `${at}.d`;
    await run(["mkdir", folder]);
    writeFileSync(`${folder}/index`, "");
    writeFileSync(
      `${folder}/config`,
      `[ca]\ndefault_ca = d\n[d]\ndatabase = ${folder}/index\nnew_certs_dir = ${folder}\nrand_serial = yes\ndefault_md = sha256\npolicy = p\n[p]\ncommonName = supplied\n`,
    );
    await run(["openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", `${at}.key`, "-out", `${at}.csr`, "-subj", "/CN=old"]);
    const sign = ["-selfsign", "-keyfile", `${at}.key`, "-in", `${at}.csr`, "-out", `${at}.crt`, "-notext"];
    const signed = await run([
      "openssl",
      "ca",
      "-batch",
      "-config",
      `${folder}/config`,
      ...sign,
      "-startdate",
      "20200101000000Z",
      "-enddate",
      "20200102000000Z",
    ]);
    expect(signed.stderr).toContain("Database updated");
  }

  async function withStub(options: Parameters<typeof stubApi>[0]): Promise<Report> {
    using api = stubApi(options);
    const home = new Home();
    const report = await diagnose(home.write("kubeconfig", stubKubeconfig(api)));
    await home.close();
    return report;
  }

  test("of the server: expired", async () => {
    const report = await withStub({ madeAtMs: Date.now() - 9 * 24 * 3600_000 });
    expect(broken(report)).toMatchObject([{ check: "server", text: expect.stringContaining("the server's certificate has expired") }]);
  });

  test("of an authority that the kubeconfig does not know", async () => {
    const [cluster] = (await readKubeconfig()).clusters;
    using other = stubApi();
    const wrong = { ...cluster?.cluster, "certificate-authority-data": Buffer.from(other.ca).toString("base64") };
    const report = await diagnose(await writeKubeconfig({ kt: { namespace, cluster: wrong } }));
    expect(broken(report)).toMatchObject([{ check: "server", text: expect.stringMatching(/authority|self-signed/) }]);
  });

  test("for another name", async () => {
    const report = await diagnose(await writeKubeconfig({ kt: { namespace, cluster: { "tls-server-name": "elsewhere.test" } } }));
    expect(broken(report)).toMatchObject([
      { check: "server", text: expect.stringContaining("the server's certificate is for another name") },
    ]);
  });

  test("a clock that is off", async () => {
    const report = await withStub({ aheadMs: 20 * 60_000 });
    expect(broken(report)).toMatchObject([{ check: "clock", text: expect.stringContaining("20 minutes behind the API server's") }]);
    // The stub has a clock and no services: what is left to find is that nothing is behind the routes.
    const checks = broken(await withStub({ aheadMs: -2 * 60_000 })).map(({ check }) => check);
    expect([...new Set(checks)]).toEqual(["routes"]);
  });
});

describe("an unreachable server", () => {
  test("no program listens", async () => {
    const [port = 0] = freePorts(1);
    const report = await diagnose(await writeKubeconfig({ kt: { namespace, cluster: { server: `https://127.0.0.1:${port}` } } }));
    expect(broken(report)).toMatchObject([{ check: "server", text: expect.stringContaining("connection refused") }]);
  });

  test("nothing answers: bounded", async () => {
    using silent = listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const report = await diagnose(await writeKubeconfig({ kt: { namespace, cluster: { server: `https://127.0.0.1:${silent.port}` } } }));
    expect(broken(report)).toMatchObject([{ check: "server" }]);
    expect(report.tookMs).toBeLessThan(10_000);
  });
});

describe("credential plugins", () => {
  const exec = (command: string) => ({ exec: { apiVersion: "client.authentication.k8s.io/v1", command, interactiveMode: "Never" } });

  test("a missing one", async () => {
    const report = await diagnose(await writeKubeconfig({ kt: { namespace, user: exec("gke-gcloud-auth-plugin") } }), {
      env: { PATH: "/nowhere" },
    });
    expect(broken(report)).toMatchObject([
      { check: "credentials", text: 'exec plugin "gke-gcloud-auth-plugin" of user "kt" is not in PATH' },
    ]);
    expect(broken(report)[0]?.fixes.join()).toContain("gcloud components install");
  });

  test("one that waits for a user: bounded", async () => {
    const user = { exec: { ...exec("sleep").exec, args: ["60"] } };
    const report = await diagnose(await writeKubeconfig({ kt: { namespace, user } }));
    expect(broken(report)).toMatchObject([{ check: "credentials", text: expect.stringContaining("did not finish within") }]);
    expect(report.tookMs).toBeLessThan(10_000);
  });
});

describe("RBAC", () => {
  const see: Rule = { apiGroups: [""], resources: ["services", "pods"], verbs: ["get", "list", "watch"] };
  const forward: Rule = { apiGroups: [""], resources: ["pods/portforward"], verbs: ["create"] };

  test("missing verbs, with commands that show them", async () => {
    const token = await createUser(namespace, "doctor-sees", [see]);
    const kubeconfig = await writeKubeconfig({ kt: { namespace, user: { token } } });
    const report = await diagnose(kubeconfig);
    const [finding] = broken(report);
    expect(broken(report)).toHaveLength(1);
    expect(finding).toMatchObject({ check: "access", text: `in namespace "${namespace}" you may not create pods/portforward` });
    const [command = ""] = finding?.fixes ?? [];
    const shown = await run([...command.split(" "), "--kubeconfig", kubeconfig]);
    expect(shown.stdout.trim()).toBe("no");
    expect(report.findings.filter(({ verdict, check }) => verdict === "warn" && check === "access")).toHaveLength(1);
  });

  test("the command says yes where the verb is there", async () => {
    const token = await createUser(namespace, "doctor-forwards", [forward]);
    const kubeconfig = await writeKubeconfig({ kt: { namespace, user: { token } } });
    const report = await diagnose(kubeconfig);
    expect(broken(report)[0]?.text).not.toContain("create pods/portforward");
    const shown = await run([
      "kubectl",
      "auth",
      "can-i",
      "create",
      "pods",
      "--subresource=portforward",
      "-n",
      namespace,
      "--kubeconfig",
      kubeconfig,
    ]);
    expect(shown.stdout.trim()).toBe("yes");
  });

  test("jump hosts need to exec, in their own namespace", async () => {
    const token = await createUser(jumps.name, "doctor-jumps", [see]);
    const kubeconfig = await writeKubeconfig({ kt: { namespace, user: { token } } });
    const target = `target = "db.internal:3306"\nvia = "${jumps.name}/svc/api"`;
    expect(broken(await diagnose(kubeconfig, { target }))).toMatchObject([
      { text: `in namespace "${jumps.name}" you may not create pods/exec` },
    ]);
  });

  test("a token that the API server does not know", async () => {
    const report = await diagnose(await writeKubeconfig({ kt: { namespace, user: { token: "not-a-token" } } }));
    expect(broken(report)).toMatchObject([{ check: "login", text: expect.stringContaining('refused the credentials of user "kt"') }]);
  });
});

test("a taken port, with who has it", async () => {
  using taken = listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const report = await diagnose(await writeKubeconfig({ kt: { namespace } }), { port: taken.port });
  expect(broken(report)).toMatchObject([{ check: "ports", text: expect.stringContaining(`(pid ${process.pid})`) }]);
  expect(broken(report)[0]?.fixes[0]).toBe(`kill ${process.pid}`);
});

test("a proxy that would swallow *.localhost", async () => {
  const report = await diagnose(await writeKubeconfig({ kt: { namespace } }), { env: { http_proxy: "http://me:s3cret@127.0.0.1:1" } });
  const [finding] = report.findings.filter(({ check }) => check === "proxies");
  expect(finding?.verdict).toBe("warn");
  expect(JSON.stringify(report)).not.toContain("s3cret");
  expect(report.exitCode).toBe(0);
});
