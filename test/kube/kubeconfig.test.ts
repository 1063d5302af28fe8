/** Tests reading, merging and selecting from kubeconfig files. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { write } from "bun";
import { systemClock } from "#base/clock.ts";
import { KtError } from "#base/errors.ts";
import { silentLog } from "#base/log.ts";
import { loadContext } from "#kube/api/context-source.ts";
import { besideFile, FileCache, fileStamp } from "#kube/config/files.ts";
import { inClusterContext } from "#kube/config/in-cluster.ts";
import { readKubeconfig, selectContext } from "#kube/config/kubeconfig.ts";
import { openCluster } from "#kube/kube-cluster.ts";

let folder = "";
beforeAll(async () => {
  folder = mkdtempSync(`${tmpdir()}/kt-kubeconfig-`);
  await Promise.all([put("first", first), put("second", second), put("empty", "")]);
});
afterAll(() => rmSync(folder, { recursive: true }));

async function put(name: string, text: string): Promise<string> {
  await write(`${folder}/${name}`, text);
  return `${folder}/${name}`;
}

const read = (...paths: string[]) => readKubeconfig(paths, new FileCache());

function problem(run: () => unknown): KtError {
  try {
    run();
  } catch (error) {
    if (error instanceof KtError) return error;
    throw error;
  }
  throw new KtError("internal", "nothing was thrown");
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");

const first = `
apiVersion: v1
kind: Config
current-context: dev
contexts:
- name: dev
  context: { cluster: dev, user: alice, namespace: shop }
- name: bare
  context: { cluster: dev }
clusters:
- name: dev
  cluster:
    server: https://dev.corp:6443/
    certificate-authority: certs/ca.crt
    tls-server-name: kube.corp
    proxy-url: http://proxy.corp:3128
    extensions:
    - name: client.authentication.k8s.io/exec
      extension: { audience: shop }
users:
- name: alice
  user:
    client-certificate: /abs/alice.crt
    client-key: alice.key
    tokenFile: token
    as: bob
    as-uid: "17"
    as-groups: [ops, dev]
    as-user-extra: { scopes: [a, b] }
`;

const second = `
current-context: prod
contexts:
- name: dev
  context: { cluster: wrong, user: wrong }
- name: prod
  context: { cluster: prod, user: eve }
- name: "arn:aws:eks:eu-west-1:1:cluster/prod"
  context: { cluster: nowhere, user: eve }
- name: stranger
  context: { cluster: prod, user: stranger }
clusters:
- name: dev
  cluster: { server: https://wrong }
- name: prod
  cluster: { server: https://prod.corp, certificate-authority-data: ${base64("CA PEM")}, certificate-authority: ignored.crt }
users:
- name: alice
  user: { token: wrong }
- name: eve
  user:
    client-certificate-data: ${base64("CERT PEM")}
    client-key-data: ${base64("KEY PEM")}
    token: secret
    username: eve
    password: 1234
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: ./bin/login
      args: [get-token, --n, 5]
      env: [{ name: A, value: b }, { name: N, value: 7 }]
      installHint: |
        brew install login
      interactiveMode: Never
      provideClusterInfo: true
`;

describe("one file", () => {
  test("says all that a context comes down to", async () => {
    const path = await put("first", first);
    expect(selectContext(read(path), undefined)).toEqual({
      name: "dev",
      file: path,
      namespace: "shop",
      isInside: false,
      cluster: {
        name: "dev",
        file: path,
        server: "https://dev.corp:6443",
        ca: { file: `${folder}/certs/ca.crt` },
        tlsServerName: "kube.corp",
        insecure: false,
        proxyUrl: "http://proxy.corp:3128",
        execExtension: { audience: "shop" },
      },
      user: {
        name: "alice",
        file: path,
        cert: { file: "/abs/alice.crt" },
        key: { file: `${folder}/alice.key` },
        token: undefined,
        tokenFile: `${folder}/token`,
        username: undefined,
        password: undefined,
        exec: undefined,
        authProvider: undefined,
        impersonate: { user: "bob", uid: "17", groups: ["ops", "dev"], extra: { scopes: ["a", "b"] } },
      },
    });
    expect(selectContext(read(path), "bare")).toMatchObject({ namespace: "default", user: undefined });
  });

  test("reads data, exec plugins and numbers that are meant as text", async () => {
    const { cluster, user } = selectContext(read(await put("second", second)), undefined);
    expect(cluster).toMatchObject({ ca: { pem: "CA PEM" }, insecure: false });
    expect(user).toMatchObject({ cert: { pem: "CERT PEM" }, key: { pem: "KEY PEM" }, token: "secret", username: "eve", password: "1234" });
    expect(user?.exec).toEqual({
      apiVersion: "client.authentication.k8s.io/v1",
      command: `${folder}/./bin/login`,
      args: ["get-token", "--n", "5"],
      env: { A: "b", N: "7" },
      installHint: "brew install login",
      interactiveMode: "Never",
      provideClusterInfo: true,
    });
  });

  test("may be JSON, empty, or have odd entries that are not used", async () => {
    const json = await put(
      "json",
      JSON.stringify({
        "current-context": "a",
        contexts: [{ name: "a", context: { cluster: "a" } }],
        clusters: [{ name: "a", cluster: { server: "http://a" } }],
      }),
    );
    expect(selectContext(read(json), undefined).cluster.server).toBe("http://a");
    expect(read(`${folder}/empty`).files).toEqual([`${folder}/empty`]);
    const odd = await put("odd", `${first}- name: broken\n- null\n- 5\n`);
    expect(selectContext(read(odd), undefined).user?.name).toBe("alice");
  });

  test("keeps an OIDC login's words", async () => {
    const path = await put(
      "oidc",
      "users: [{ name: o, user: { auth-provider: { name: oidc, config: { id-token: x, client-id: 5, extra: true } } } }]",
    );
    expect(read(path).users.get("o")?.authProvider).toEqual({ name: "oidc", config: { "id-token": "x", "client-id": "5", extra: "true" } });
  });
});

describe("several files", () => {
  test("the first to define a name or the current context wins", async () => {
    const [one, two] = [await put("first", first), await put("second", second)];
    const merged = read(one, two);
    expect(merged.currentContext).toBe("dev");
    expect(selectContext(merged, "dev").cluster.server).toBe("https://dev.corp:6443");
    expect(selectContext(merged, "dev").user?.token).toBeUndefined();
    expect(selectContext(merged, "prod").cluster.server).toBe("https://prod.corp");
    expect(read(two, one).currentContext).toBe("prod");
  });

  test("a missing file is skipped, an unreadable or malformed one is an error with its name", async () => {
    const path = await put("first", first);
    expect(read(`${folder}/none`, path).files).toEqual([path]);
    const malformed = problem(() => read(path, folder));
    expect(malformed.code).toBe("kubeconfig-unreadable");
    expect(malformed.message).toStartWith(`cannot read kubeconfig "${folder}": `);
    for (const text of ["contexts: [", "just text", "- a list"]) {
      const bad = `${folder}/bad`;
      await write(bad, text);
      const error = problem(() => read(bad));
      expect([error.code, error.message.startsWith(`cannot read kubeconfig "${bad}": `)]).toEqual(["kubeconfig-unreadable", true]);
    }
  });
});

describe("contexts that cannot be used", () => {
  const cases: [string | undefined, string, string, string[]][] = [
    ["prd", "context-unknown", 'context "prd" is not in kubeconfig', ['did you mean "prod"?', "known contexts: "]],
    ["xyzzy", "context-unknown", 'context "xyzzy" is not in kubeconfig', ["known contexts: "]],
    ["arn:aws:eks:eu-west-1:1:cluster/prod", "kubeconfig-unreadable", 'names cluster "nowhere", which is not there', []],
    ["stranger", "kubeconfig-unreadable", 'names user "stranger", which is not there', []],
  ];
  test.each(cases)("%p", async (name, code, message, hints) => {
    const config = read(await put("second", second));
    const error = problem(() => selectContext(config, name));
    expect(error.code).toBe(code as KtError["code"]);
    expect(error.message).toContain(message);
    expect(error.message).toContain(`"${folder}/second"`);
    expect(error.hints.length).toBe(hints.length);
    for (const [at, hint] of hints.entries()) expect(error.hints[at]).toStartWith(hint);
  });

  test("no current-context", async () => {
    const error = problem(() => selectContext(read(`${folder}/second`, `${folder}/first`), "no"));
    expect(error.hints.join()).toContain('"arn:aws:eks:eu-west-1:1:cluster/prod"');
    const config = read(await put("none-current", "contexts: [{ name: a, context: { cluster: a } }]"));
    expect(problem(() => selectContext(config, undefined)).message).toContain("sets no current-context");
    expect(problem(() => selectContext(read(`${folder}/empty`), undefined)).hints).toEqual(["the kubeconfig has no contexts at all"]);
  });
});

describe("files", () => {
  test("are read again when they change", async () => {
    const cache = new FileCache();
    const path = await put("token", "one");
    expect(cache.read(path)).toBe("one");
    const before = fileStamp(path);
    await write(path, "three");
    expect(fileStamp(path)).not.toBe(before);
    expect(cache.read(path)).toBe("three");
    expect(fileStamp(`${folder}/none`)).toBeUndefined();
    expect(() => cache.read(`${folder}/none`)).toThrow("ENOENT");
    symlinkSync("loop", `${folder}/loop`);
    expect(fileStamp(`${folder}/loop`)).toBeDefined();
    expect(() => cache.read(`${folder}/loop`)).toThrow("ELOOP");
  });

  test("are parsed once for each state", async () => {
    const cache = new FileCache();
    const path = await put("parsed", "one");
    const parsed: string[] = [];
    const parse = (text: string): object => ({ at: parsed.push(text) });
    expect(cache.parsed(path, parse)).toBe(cache.parsed(path, parse));
    await write(path, "three");
    expect(cache.parsed(path, parse)).toEqual({ at: 2 });
    expect(parsed).toEqual(["one", "three"]);
  });

  test("a kubeconfig that others have parsed is not parsed again", async () => {
    const cache = new FileCache();
    const path = await put("shared", "contexts: []");
    const raw = {
      "current-context": "a",
      contexts: [{ name: "a", context: { cluster: "c" } }],
      clusters: [{ name: "c", cluster: { server: "https://127.0.0.1:1" } }],
    };
    cache.parsed(path, () => raw);
    expect(loadContext({ kubeconfig: [path], context: undefined, environment: {} }, cache).name).toBe("a");
    const options = { kubeconfig: [path], context: undefined, environment: {}, clock: systemClock, log: silentLog, onReachable() {} };
    expect(openCluster({ ...options, cache }).context).toBe("a");
  });

  test("paths are relative to the file that names them", () => {
    expect(["/a/c", "b", "../b"].map((path) => besideFile("/home/u/.kube/config", path))).toEqual([
      "/a/c",
      "/home/u/.kube/b",
      "/home/u/.kube/../b",
    ]);
  });
});

describe("in a pod", () => {
  const environment = { KUBERNETES_SERVICE_HOST: "fd00::1", KUBERNETES_SERVICE_PORT: "443" };

  test("the service account is the context", async () => {
    await put("sa/token", "abc");
    await put("sa/namespace", "shop\n");
    const context = inClusterContext(environment, new FileCache(), `${folder}/sa`);
    expect(context).toMatchObject({
      namespace: "shop",
      cluster: { server: "https://[fd00::1]:443", ca: { file: `${folder}/sa/ca.crt` } },
      user: { tokenFile: `${folder}/sa/token` },
    });
  });

  test("outside there is none", () => {
    expect(inClusterContext({}, new FileCache(), `${folder}/sa`)).toBeUndefined();
    expect(inClusterContext(environment, new FileCache(), `${folder}/nowhere`)).toBeUndefined();
  });
});

test("a file that is not a kubeconfig is not quoted: a stranger's profile may name any", async () => {
  for (const text of ["CANARY=1\0PATH=/bin", "a: b: canary\n- x", "x: *canary", "a: !<canary> b", '"canary', "canary:x:0:0"]) {
    const path = await put("no-kubeconfig", text);
    const thrown = await Promise.resolve()
      .then(() => read(path))
      .catch((error: unknown) => error);
    expect(String(thrown)).toContain("cannot read kubeconfig");
    expect(String(thrown)).not.toMatch(/canary/i);
  }
});
