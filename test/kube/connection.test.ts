/** Tests the way to the server: proxies of each kind, TLS trust and names, and the words for what goes wrong. */

import { describe, expect, test } from "bun:test";
import { connect, listen, type Socket } from "bun";
import { selfSigned } from "#tls/self-signed.ts";
import { startProxy } from "#test/support/connect-proxy.ts";
import { type Asked, Harness, type HarnessOptions, list, ScriptedApi, shown, webService, webSlice } from "./scripted-api.ts";

const simple = (asked: Asked): Response | undefined => {
  if (asked.query.get("watch") === "1") return undefined;
  return asked.path.endsWith("/services/web") ? Response.json(webService) : list([webSlice(["a"])]);
};

async function first(options: HarnessOptions, api?: ScriptedApi): Promise<string> {
  await using harness = await Harness.open(api, options);
  return shown(await harness.follow().changes.next());
}

describe("HTTP proxies", () => {
  test("proxy-url leads through CONNECT, with its login", async () => {
    await using api = new ScriptedApi(simple);
    const proxy = startProxy();
    const withLogin = proxy.url.replace("http://", "http://me:p%40ss@");
    expect(await first({ cluster: { "proxy-url": withLogin } }, api)).toBe("ready a:8080");
    expect(new Set(proxy.connected)).toEqual(new Set([`127.0.0.1:${api.port}`]));
    expect(proxy.authorizations[0]).toBe(`Basic ${btoa("me:p@ss")}`);
    proxy.close();
  });

  test("the profile's environment counts, the process's does not", async () => {
    const proxy = startProxy("407 Proxy Authentication Required");
    expect(await first({ server: "https://k8s.test:6443", environment: { HTTPS_PROXY: proxy.url } })).toStartWith("failed proxy-failed: ");
    expect(proxy.connected[0]).toBe("k8s.test:6443");
    await using api = new ScriptedApi(simple);
    process.env["HTTP_PROXY"] = proxy.url;
    try {
      const before = proxy.connected.length;
      expect(await first({}, api)).toBe("ready a:8080");
      expect(proxy.connected.length).toBe(before);
    } finally {
      delete process.env["HTTP_PROXY"];
      proxy.close();
    }
  });

  test("what the proxy says is reported", async () => {
    const proxy = startProxy("407 Proxy Authentication Required");
    const { port } = new URL(proxy.url);
    expect(await first({ server: "https://k8s.test:6443", cluster: { "proxy-url": proxy.url } })).toBe(
      `failed proxy-failed: connect through the proxy 127.0.0.1:${port} to k8s.test:6443: the proxy answered "HTTP/1.1 407 Proxy Authentication Required"`,
    );
    proxy.close();
  });

  test("a proxy that is not there", async () => {
    expect(await first({ server: "https://k8s.test", cluster: { "proxy-url": "http://127.0.0.1:1" } })).toBe(
      "failed proxy-failed: connect through the proxy 127.0.0.1:1 to k8s.test:443: connection refused",
    );
  });
});

/** Speaks SOCKS5 with a login, one byte at a time, and leads to a port. */
function socksServer(port: number, reply: number) {
  const asked: string[] = [];
  interface State {
    step: number;
    bytes: number[];
    peer: Socket<undefined> | undefined;
  }
  async function onRequest(socket: Socket<State>, request: number[]): Promise<void> {
    const length = request[4] ?? 0;
    asked.push(`${Buffer.from(request.slice(5, 5 + length)).toString()}:${((request[5 + length] ?? 0) << 8) | (request[6 + length] ?? 0)}`);
    if (reply === 0) {
      const peer = await connect<undefined>({
        hostname: "127.0.0.1",
        port,
        socket: { data: (_, bytes) => void socket.write(bytes), error() {} },
      });
      socket.data.peer = peer;
    }
    for (const byte of [5, reply, 0, 1, 0, 0, 0, 0, 0, 0]) socket.write(Uint8Array.of(byte));
  }
  function advance(socket: Socket<State>): void {
    const { bytes, step } = socket.data;
    if (step === 0 && bytes.length >= 4) {
      socket.data.bytes = bytes.slice(4);
      socket.data.step = 1;
      socket.write(Uint8Array.of(5, 2));
    } else if (step === 1 && bytes.length >= 2) {
      const [user, pass] = [
        Buffer.from(bytes.slice(2, 2 + (bytes[1] ?? 0))).toString(),
        Buffer.from(bytes.slice(3 + (bytes[1] ?? 0))).toString(),
      ];
      asked.push(`${user}:${pass}`);
      socket.data.bytes = [];
      socket.data.step = 2;
      socket.write(Uint8Array.of(1, 0));
    } else if (step === 2 && bytes.length >= 7) {
      socket.data.step = 3;
      void onRequest(socket, bytes);
    }
  }
  const server = listen<State>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(socket) {
        socket.data = { step: 0, bytes: [], peer: undefined };
      },
      data(socket, bytes) {
        if (socket.data.peer) return void socket.data.peer.write(bytes);
        socket.data.bytes.push(...bytes);
        advance(socket);
      },
      close(socket) {
        socket.data.peer?.end();
      },
      error() {},
    },
  });
  return { url: `socks5://me:secret@127.0.0.1:${server.port}`, asked, close: () => server.stop(true) };
}

describe("SOCKS5 proxies", () => {
  test("lead to the server by name, with a login", async () => {
    await using api = new ScriptedApi(simple);
    const proxy = socksServer(api.port, 0);
    expect(await first({ server: "http://k8s.test:8001", cluster: { "proxy-url": proxy.url } })).toBe("ready a:8080");
    expect(proxy.asked.slice(0, 2).sort()).toEqual(["me:secret", "me:secret"]);
    expect(proxy.asked).toContain("k8s.test:8001");
    proxy.close();
  });

  test("say why not", async () => {
    const proxy = socksServer(0, 5);
    expect(await first({ server: "http://k8s.test:8001", cluster: { "proxy-url": proxy.url } })).toContain(
      'to k8s.test:8001: the proxy answered "connection refused"',
    );
    proxy.close();
  });

  test("that speak something else", async () => {
    await using api = new ScriptedApi(simple);
    expect(await first({ server: "http://k8s.test:8001", cluster: { "proxy-url": `socks5://127.0.0.1:${api.port}` } })).toStartWith(
      "failed proxy-failed: ",
    );
  });
});

describe("TLS", () => {
  const certificate = selfSigned("kube.test", Date.now());
  const data = Buffer.from(certificate.cert).toString("base64");

  test("trusts the kubeconfig's authority, by the server's name", async () => {
    await using api = new ScriptedApi(simple, certificate);
    expect(await first({ cluster: { "certificate-authority-data": data, "tls-server-name": "kube.test" } }, api)).toBe("ready a:8080");
  });

  test("a name with a dot at its end is that name", async () => {
    await using api = new ScriptedApi(simple, certificate);
    expect(await first({ cluster: { "certificate-authority-data": data, "tls-server-name": "kube.test." } }, api)).toBe("ready a:8080");
  });

  test("a certificate for another name", async () => {
    await using api = new ScriptedApi(simple, certificate);
    const told = await first({ cluster: { "certificate-authority-data": data } }, api);
    expect(told).toStartWith(`failed cluster-unreachable: connect to ${api.url}: the server's certificate is for another name (`);
    expect(told).toEndWith("; is tls-server-name missing?");
    const wrong = { "certificate-authority-data": data, "tls-server-name": "other.test" };
    expect(await first({ cluster: wrong }, api)).toEndWith('; is tls-server-name "other.test" right?');
  });

  test("an authority that is not trusted", async () => {
    await using api = new ScriptedApi(simple, certificate);
    expect(await first({ cluster: { "tls-server-name": "kube.test" } }, api)).toMatch(
      /cluster-unreachable: connect to \S+: the server's certificate (is self-signed|comes from an authority)/,
    );
  });

  test("insecure-skip-tls-verify takes any certificate", async () => {
    await using api = new ScriptedApi(simple, certificate);
    expect(await first({ cluster: { "insecure-skip-tls-verify": true } }, api)).toBe("ready a:8080");
  });

  test("an expired certificate", async () => {
    const old = selfSigned("kube.test", Date.now() - 400 * 24 * 3600 * 1000);
    await using api = new ScriptedApi(simple, old);
    const cluster = { "certificate-authority-data": Buffer.from(old.cert).toString("base64"), "tls-server-name": "kube.test" };
    expect(await first({ cluster }, api)).toBe(`failed cluster-unreachable: connect to ${api.url}: the server's certificate has expired`);
  });

  test("texts that are not certificates", async () => {
    await using api = new ScriptedApi(simple, certificate);
    const user = { "client-certificate-data": btoa("garbage"), "client-key-data": btoa("garbage") };
    expect(await first({ user, cluster: { "insecure-skip-tls-verify": true } }, api)).toContain("a certificate or key is not a PEM text");
  });

  test("plain HTTP where TLS is due, and the other way round", async () => {
    await using plain = new ScriptedApi(simple);
    expect(await first({ server: plain.url.replace("http:", "https:") })).toStartWith(
      "failed cluster-unreachable: connect to https://127.0.0.1:",
    );
    await using secure = new ScriptedApi(simple, certificate);
    expect(await first({ server: secure.url.replace("https:", "http:") })).toStartWith("failed cluster-");
  });
});

test("a server that is not a valid URL", async () => {
  await expect(Harness.open(undefined, { server: "not a url" })).rejects.toMatchObject({
    code: "kubeconfig-unreadable",
    message: 'server "not a url" of cluster "c" is not a valid URL',
  });
});
