/** How long kt's DNS takes for a name of its own, and how much longer a name of others takes through it. */

import type { UdpPeer } from "#net/udp.ts";
import { connectUdp } from "#net/udp.ts";
import { query } from "#test/support/dns-client.ts";
import { Home } from "#test/support/kt.ts";
import { reply, StubNameServer } from "#test/support/name-server.ts";
import { withResolvConf, writeResolvConf } from "#test/support/own-resolv-conf.ts";
import { freePorts } from "#test/support/process.ts";
import { tempDir } from "#test/support/temp-dir.ts";
import { eventually } from "#test/support/wait.ts";
import { median } from "./measure.ts";
import type { Figures } from "./rows.ts";

const dns: UdpPeer = { host: "127.66.200.53", port: 53 };
const other: UdpPeer = { host: "127.66.200.54", port: 53 };
const questions = 3000;

/** One question after the other, on one socket, as a resolver on this machine asks. */
async function p50Ms(server: UdpPeer, name: string): Promise<number> {
  const socket = await connectUdp(server);
  const tookMs: number[] = [];
  let answered = (): void => {};
  socket.start({ onDatagram: () => answered(), onUnreachable() {}, onClose() {} });
  for (let at = 0; at < questions; at++) {
    const answer = new Promise<void>((resolve) => (answered = resolve));
    const startedMs = performance.now();
    socket.send(query(name));
    await answer;
    tookMs.push(performance.now() - startedMs);
  }
  socket.close();
  return median(tookMs);
}

/** Of a namespace with a thousand services "s0" to "s999". It needs root, for port 53 and a resolv.conf of kt's own. */
export async function measureNames(kubeconfig: string, namespace: string): Promise<Figures> {
  await using folder = await tempDir();
  using stub = new StubNameServer((asked) => reply(asked, { addresses: ["192.0.2.1"] }), other);
  const conf = `${folder.path}/resolv.conf`;
  writeResolvConf(conf, [stub.host]);
  const [http = 0] = freePorts(1);
  await using home = new Home({ KUBECONFIG: kubeconfig });
  const own = `s500.${namespace}.svc.cluster.local`;
  const sections = `[addresses]\nbase = "127.66.1.1"\n[dns]\nlisten = "${dns.host}:${dns.port}"\n`;
  const forward = `[[forward]]\nnamespaces = ["${namespace}"]\n`;
  const profile = home.write("tunnels.toml", `context = "kt"\n[http]\nlisten = ["127.0.0.1:${http}"]\n${sections}${forward}`);
  home.start(["serve", "-f", profile], { under: withResolvConf(conf) });
  await eventually("the services", async () => (await home.run(["dns", "status", "--json"])).stdout.includes('"names":4'), 30_000);
  const direct = await p50Ms(other, "www.example.org");
  return {
    "DNS, a name of its own among 4,000, p50": await p50Ms(dns, own),
    "DNS, a name of others above asking their server directly, p50": (await p50Ms(dns, "www.example.org")) - direct,
  };
}
