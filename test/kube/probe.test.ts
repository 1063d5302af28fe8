/** The looks of `kt doctor` at one context, against servers that are wrong in one way each. */

import { describe, expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { listen, serve } from "bun";
import { systemClock } from "#base/clock.ts";
import { Probe, type ServerAnswer, type Unreached } from "#kube/probe.ts";
import { type StubApi, type StubOptions, stubApi, stubKubeconfig } from "#test/support/stub-api.ts";
import { tempDir } from "#test/support/temp-dir.ts";

interface Rig extends AsyncDisposable {
  readonly probe: Probe;
  readonly api: StubApi;
}

async function rig(options: StubOptions = {}, change: Parameters<typeof stubKubeconfig>[1] = {}, environment = {}): Promise<Rig> {
  const api = stubApi(options);
  const directory = await tempDir();
  const kubeconfig = `${directory.path}/config`;
  await writeFile(kubeconfig, stubKubeconfig(api, change));
  const probe = new Probe({ kubeconfig: [kubeconfig], context: undefined, environment, clock: systemClock, pluginTimeoutMs: 2000 });
  const dispose = async (): Promise<void> => {
    api[Symbol.dispose]();
    await directory[Symbol.asyncDispose]();
  };
  return { probe, api, [Symbol.asyncDispose]: dispose };
}

const hourMs = 3600_000;
const dayMs = 24 * hourMs;

function codeOf(reached: ServerAnswer | Unreached): string | undefined {
  return "problem" in reached ? reached.code : undefined;
}

describe("reaching", () => {
  test("tells the version and the time", async () => {
    await using made = await rig({ aheadMs: -2 * hourMs });
    expect(await made.probe.reach(2000)).toMatchObject({ status: 200, version: "v1.35.0" });
    expect(Math.round((made.probe.clockAheadMs() ?? 0) / hourMs)).toBe(2);
  });

  test("a refusal of strangers is an answer", async () => {
    await using made = await rig({ refuses: true });
    expect(await made.probe.reach(2000)).toMatchObject({ status: 401, version: undefined });
  });

  test("an expired certificate, and the time all the same", async () => {
    await using made = await rig({ madeAtMs: Date.now() - 9 * dayMs, aheadMs: hourMs });
    expect(codeOf(await made.probe.reach(2000))).toBe("CERT_HAS_EXPIRED");
    expect(made.probe.clockAheadMs()).toBeUndefined();
    await made.probe.askTime(2000);
    expect(Math.round((made.probe.clockAheadMs() ?? 0) / hourMs)).toBe(-1);
  });

  test("an authority that is not known", async () => {
    using other = stubApi();
    await using made = await rig({}, { cluster: { "certificate-authority-data": Buffer.from(other.ca).toString("base64") } });
    expect(codeOf(await made.probe.reach(2000))).toMatch(/SELF_SIGNED|UNABLE|CERT_SIGNATURE/);
  });

  test("a certificate for another name", async () => {
    await using made = await rig({}, { cluster: { "tls-server-name": "other.test" } });
    expect(codeOf(await made.probe.reach(2000))).toBe("ERR_TLS_CERT_ALTNAME_INVALID");
  });

  test("a name that is not known", async () => {
    await using made = await rig({}, { cluster: { server: "https://nowhere.invalid:6443" } });
    const reached = await made.probe.reach(2000);
    expect(codeOf(reached)).toBe("ENOTFOUND");
    expect("problem" in reached && reached.problem.message).toBe("connect to https://nowhere.invalid:6443: no such host name");
  });

  test("a port without a listener", async () => {
    await using made = await rig({}, { cluster: { server: "https://127.0.0.1:1" } });
    expect(codeOf(await made.probe.reach(2000))).toBe("ECONNREFUSED");
  });

  test("a server that does not speak TLS", async () => {
    using plain = serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("hello") });
    await using made = await rig({}, { cluster: { server: `https://127.0.0.1:${plain.port}` } });
    expect(codeOf(await made.probe.reach(2000))).toBe("EPROTO");
  });

  test("a server that accepts and says nothing, in time", async () => {
    using silent = listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    await using made = await rig({}, { cluster: { server: `https://127.0.0.1:${silent.port}` } });
    const reached = await made.probe.reach(50);
    expect(codeOf(reached)).toBe("ETIMEDOUT");
    expect("problem" in reached && reached.problem.message).toEndWith("did not answer within 0.05 s");
  });

  test("a proxy that is not there, and what named it", async () => {
    const environment = { HTTPS_PROXY: "http://me:s3cret@127.0.0.1:1" };
    await using made = await rig({}, { cluster: { server: "https://10.1.2.3:6443" } }, environment);
    const reached = await made.probe.reach(2000);
    expect("problem" in reached && reached.problem.code).toBe("proxy-failed");
    expect(made.probe.proxy()?.from).toBe("HTTPS_PROXY");
  });
});

describe("asking as ourselves", () => {
  test("who we are", async () => {
    await using made = await rig();
    expect(await made.probe.whoAmI(2000)).toBe("dev@example.test");
  });

  test("a refusal names the user", async () => {
    await using made = await rig({ refuses: true });
    await expect(made.probe.whoAmI(2000)).rejects.toMatchObject({ code: "unauthorized", message: expect.stringContaining('user "dev"') });
  });

  test("what we may do, subresources apart", async () => {
    await using made = await rig({ forbidden: ["create pods/portforward"] });
    const pods = { group: "", namespace: "shop", verb: "create" };
    expect(await made.probe.may({ ...pods, resource: "pods/portforward" }, 2000)).toBe(false);
    expect(await made.probe.may({ ...pods, resource: "pods" }, 2000)).toBe(true);
    expect(made.api.asked).toEqual(["create pods/portforward in shop", "create pods in shop"]);
  });

  test("a plugin that hangs is ended in the given time", async () => {
    const exec = { apiVersion: "client.authentication.k8s.io/v1", command: "sleep", args: ["60"], interactiveMode: "Never" };
    await using made = await rig({}, { user: { exec } }, { PATH: process.env["PATH"] });
    await expect(made.probe.identity()).rejects.toMatchObject({ message: 'exec plugin "sleep" did not finish within 2 s' });
  }, 10_000);
});
