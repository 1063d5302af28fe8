/** What goes through a public edge: much of it, many at once, with half-closes and times to the millisecond, by server name, and with what its status says of it. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { spawn } from "bun";
import { apply, deploy, kubectl, ownCluster, run } from "#test/support/cluster.ts";
import { binding, portBinding } from "#test/support/edge-manifests.ts";
import { EdgeStand } from "#test/support/edge-stand.ts";
import { eventually } from "#test/support/wait.ts";

/** It changes this machine's links and routes, and the kinds are the whole cluster's. */
const cases = describe.skipIf(!ownCluster);
const scripts = new URL("../vps/", import.meta.url).pathname;

let stand: EdgeStand;
let folder: string;

const to = (port: number): object => ({ service: { name: "web", namespace: stand.namespace, port } });

beforeAll(async () => {
  if (!ownCluster) return;
  folder = mkdtempSync(`${tmpdir()}/kt-edge-`);
  stand = await EdgeStand.start("kttrf", 9);
  stand.startOperator();
  await deploy(stand.namespace, "web");
  const udp = { ports: [{ port: 7001, protocol: "UDP" }], selector: { app: "web" } };
  await apply({ apiVersion: "v1", kind: "Service", metadata: { namespace: stand.namespace, name: "datagrams" }, spec: udp });
  await stand.applyNode();
  const short = { connectTimeout: "500ms", idleTimeout: "500ms" };
  await stand.applyAll(
    portBinding("traffic", [
      binding({ name: "http", listenPort: 80, target: to(80) }),
      binding({ name: "sum", listenPort: 7002, target: to(7002) }),
      binding({ name: "many", listenPort: 7000, target: to(7000) }),
      binding({
        name: "many-udp",
        protocol: "UDP",
        listenPort: 7000,
        target: { service: { name: "datagrams", namespace: stand.namespace, port: 7001 } },
      }),
      binding({ name: "short", listenPort: 7500, target: to(7000), tcp: short }),
      binding({ name: "proxied", listenPort: 7501, target: to(7000), tcp: { proxyProtocol: true, proxyProtocolVersion: 2 } }),
      binding({ name: "nowhere", listenPort: 7502, target: { address: "10.244.255.254", port: 9 }, tcp: short }),
    ]),
  );
  await stand.ready("portbinding", "traffic", 120_000);
}, 180_000);

afterAll(async () => {
  if (!ownCluster) return;
  await stand?.remove();
  rmSync(folder, { recursive: true, force: true });
}, 180_000);

/** What a shell on the internet prints; `$HOST` is the edge. */
async function internet(script: string): Promise<string> {
  const { stdout, stderr, exitCode } = await stand.vps.fromInternet("env", `HOST=${stand.vps.address}`, "bash", "-c", script);
  if (exitCode !== 0) throw new Error(`${exitCode}: ${stdout}${stderr}`);
  return stdout.trim();
}

cases("a port of the edge", () => {
  test("carries 200 MB each way unharmed", async () => {
    const query = "n=200000000&seed=7";
    const wanted = (await internet(`curl -sS "http://$HOST/sha256?${query}"`)).split(" ");
    expect(wanted[1]).toBe("200000000");
    expect(
      await internet(
        `curl -sS "http://$HOST/bytes?${query}" | tee >(sha256sum >${folder}/down) | curl -sS -T - -X POST "http://$HOST/sha256"`,
      ),
    ).toBe(wanted.join(" "));
    expect(readFileSync(`${folder}/down`, "utf8").split(" ")[0]).toBe(wanted[0] ?? "");
  }, 120_000);

  test("passes on the end of one half, and answers that come after it", async () => {
    const sum = (await run(["sh", "-c", "printf hello | sha256sum"])).stdout.split(" ")[0] ?? "";
    expect(await internet('printf hello | socat -t 5 - "TCP:$HOST:7002"')).toBe(`${sum} 5`);
  });

  test.each(["tcp", "udp"])(
    "holds 2,000 clients by %s at once",
    async (kind) => {
      expect(await internet(`${process.execPath} ${scripts}crowd.ts ${kind} "$HOST" 7000 2000`)).toBe("2000");
    },
    60_000,
  );

  test("is closed after its idle time, to the tenth of a second", async () => {
    const script = 'exec 3<>"/dev/tcp/$HOST/7500"; printf x >&3; head -c 1 <&3 >/dev/null; date +%s%N; cat <&3; date +%s%N';
    const [from = 0, until = 0] = (await internet(script)).split("\n").map(Number);
    const ms = (until - from) / 1e6;
    expect(ms).toBeGreaterThan(450);
    expect(ms).toBeLessThan(900);
  });

  test("begins with a PROXY header of version 2 where that is asked for", async () => {
    const hex = await internet('printf hello | socat -t 2 - "TCP:$HOST:7501" | od -An -v -tx1 | tr -d " \\n"');
    // The signature, PROXY, TCP over IPv4, 12 bytes of addresses (the specification of HAProxy, 2.2).
    expect(hex).toStartWith("0d0a0d0a000d0a515549540a2111000c");
    expect(hex).toEndWith(Buffer.from("hello").toString("hex"));
    const addresses = [stand.vps.clientAddress, stand.vps.address].map((address) =>
      Buffer.from(address.split(".").map(Number)).toString("hex"),
    );
    expect(hex.slice(32, 48)).toBe(addresses.join(""));
  });

  test("whose target does not answer is refused after its time", async () => {
    const script = 'date +%s%N; exec 3<>"/dev/tcp/$HOST/7502" && cat <&3 2>/dev/null; date +%s%N';
    const [from = 0, until = 0] = (await internet(script)).split("\n").map(Number);
    expect((until - from) / 1e6).toBeLessThan(2500);
  });
});

cases("bindings share a port by server name", () => {
  interface Shown {
    readonly subject: string;
  }
  async function subjectOf(name: string): Promise<Shown["subject"]> {
    return await internet(
      `openssl s_client -connect "$HOST:443" -servername ${name} </dev/null 2>/dev/null | openssl x509 -noout -subject 2>/dev/null || true`,
    );
  }

  async function secret(name: string, subject: string): Promise<void> {
    const made = await run([
      ...[
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
        "-subj",
        `/CN=${subject}`,
      ],
      ...["-keyout", `${folder}/${name}.key`, "-out", `${folder}/${name}.crt`],
    ]);
    if (made.exitCode !== 0) throw new Error(made.stderr);
    const stringData = {
      "tls.crt": readFileSync(`${folder}/${name}.crt`, "utf8"),
      "tls.key": readFileSync(`${folder}/${name}.key`, "utf8"),
    };
    await apply({
      apiVersion: "v1",
      kind: "Secret",
      type: "kubernetes.io/tls",
      metadata: { namespace: stand.namespace, name },
      stringData,
    });
  }

  test("each with its own certificate, one passed through, and a renewed one without a cut", async () => {
    await Promise.all([secret("a", "a.example.com"), secret("b", "b.example.com")]);
    const offload = (name: string, serverNames: readonly string[]): object =>
      binding({ name, listenPort: 443, target: to(7000), tls: { mode: "offload", secretRef: { name }, serverNames } });
    await stand.applyAll(
      portBinding("named", [
        offload("a", ["a.example.com"]),
        offload("b", ["*.b.example.com"]),
        binding({ name: "rest", listenPort: 443, target: to(443), tls: { mode: "passthrough" } }),
      ]),
    );
    await stand.ready("portbinding", "named");
    expect(await subjectOf("a.example.com")).toContain("CN = a.example.com");
    expect(await subjectOf("x.b.example.com")).toContain("CN = b.example.com");
    expect(await subjectOf("other.example.com")).not.toMatch(/CN = [ab]\.example/);

    // Open from before the certificate is renewed until after it.
    const client = ["openssl", "s_client", "-quiet", "-no_ign_eof", "-connect", `${stand.vps.address}:443`, "-servername", "a.example.com"];
    const open = spawn([...stand.vps.underInternet, ...client], { stdin: "pipe", stdout: "pipe", stderr: "ignore" });
    let heard = "";
    const decoder = new TextDecoder();
    const read = (async () => {
      for await (const bytes of open.stdout) heard += decoder.decode(bytes, { stream: true });
    })();
    open.stdin.write("one\n");
    await open.stdin.flush();
    await eventually("the first line to come back", () => heard === "one\n");
    await secret("a", "renewed.example.com");
    await eventually(
      "the renewed certificate to be shown",
      async () => (await subjectOf("a.example.com")).includes("renewed.example.com"),
      15_000,
      200,
    );
    open.stdin.write("two\n");
    await open.stdin.flush();
    await eventually("the second line to come back", () => heard === "one\ntwo\n");
    await open.stdin.end();
    await read;
    expect(heard).toBe("one\ntwo\n");
  }, 60_000);

  test("whose key leaves the host with its binding", async () => {
    const count = async (): Promise<number> => Number(await stand.vps.sh("grep -l 'PRIVATE KEY' /etc/kt/edge/certs/* 2>/dev/null | wc -l"));
    expect(await count()).toBe(2);
    await stand.applyAll(portBinding("named", [binding({ name: "rest", listenPort: 443, target: to(443), tls: { mode: "passthrough" } })]));
    await eventually("the keys to be gone", async () => (await count()) === 0, 15_000, 200);
  }, 60_000);
});

cases("a status", () => {
  test("of Ready means that the first connection is served, 30 times", async () => {
    for (let nth = 0; nth < 30; nth++) {
      await stand.applyAll(portBinding("first", [binding({ listenPort: 9000 + nth, target: to(7000) })]));
      await stand.ready("portbinding", "first", 15_000);
      expect(await internet(`printf hello | socat -t 2 - "TCP:$HOST:${9000 + nth}"`)).toBe("hello");
    }
  }, 180_000);

  test("names the program that holds the port on the host, and the others are served", async () => {
    const held = stand.vps.sh("systemd-run -q --unit=holder systemd-socket-activate -l 9500 /bin/cat");
    await held;
    await stand.applyAll(
      portBinding("held", [
        binding({ name: "held", listenPort: 9500, target: to(7000) }),
        binding({ name: "free", listenPort: 9501, target: to(7000) }),
      ]),
    );
    const message = await eventually(
      "its status to say so",
      async () =>
        (await stand.get("portbinding", "held")).status?.bindings?.find(({ name, state }) => name === "held" && state === "ListenFailed")
          ?.message,
      15_000,
      200,
    );
    expect(message).toMatch(/systemd/);
    expect(await internet('printf hello | socat -t 2 - "TCP:$HOST:9501"')).toBe("hello");
    await stand.vps.sh("systemctl stop holder");
    await stand.ready("portbinding", "held", 20_000);
  }, 60_000);

  test("follows a Service whose address changes within 2 s", async () => {
    const spec = (clusterIP: string): object => ({ clusterIP, selector: { app: "web" }, ports: [{ port: 80, targetPort: 7000 }] });
    const service = (clusterIP: string): object => ({
      apiVersion: "v1",
      kind: "Service",
      metadata: { namespace: stand.namespace, name: "moving" },
      spec: spec(clusterIP),
    });
    await apply(service("10.96.77.1"));
    await stand.applyAll(
      portBinding("moving", [binding({ listenPort: 9600, target: { service: { name: "moving", namespace: stand.namespace, port: 80 } } })]),
    );
    await stand.ready("portbinding", "moving");
    await kubectl("-n", stand.namespace, "delete", "service", "moving");
    await apply(service("10.96.77.2"));
    await eventually(
      "it to be served again",
      async () => (await internet('printf hello | socat -t 1 - "TCP:$HOST:9600" || true')) === "hello",
      2000,
      50,
    );
  }, 60_000);

  test("is shown by the bridge for scrapers, without keys, and by GET alone", async () => {
    const pod = await kubectl("-n", stand.namespace, "get", "pod", "edge-node-uplink-0", "-o", "jsonpath={.status.podIP}");
    const at = `http://${pod.trim()}:40600`;
    const metrics = await (await fetch(`${at}/stats/prometheus`)).text();
    expect(metrics).toMatch(/^kt_edge_\w+\{.*\} \d+/m);
    for (const path of ["/config_dump", "/clusters", "/listeners", "/status"]) {
      const answer = await fetch(`${at}${path}`);
      expect([path, answer.status]).toEqual([path, 200]);
      expect(await answer.text()).not.toContain("PRIVATE KEY");
    }
    expect((await fetch(`${at}/status`, { method: "POST" })).status).toBe(405);
  });
});
