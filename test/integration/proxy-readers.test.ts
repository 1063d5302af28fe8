/** The PROXY headers that an edge writes, read by programs that people put behind it: nginx, HAProxy and Envoy. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect, spawn, type Subprocess, which, write } from "bun";
import { encodeProxyV1, encodeProxyV2, type ProxiedEnds, type ProxyEnd } from "#wire/proxy-header.ts";
import { installedEnvoy } from "#test/support/envoy-program.ts";
import { tempDir } from "#test/support/temp-dir.ts";
import { eventually } from "#test/support/wait.ts";

interface Reader {
  readonly name: string;
  readonly program: string | undefined;
  /** Listens on the socket `s` of its folder, and answers with both ends. */
  readonly config: (folder: string) => string;
  readonly args: (config: string, folder: string) => readonly string[];
  readonly shows: (end: ProxyEnd) => string;
}

const apart = ({ host, port }: ProxyEnd): string => `${host} ${port}`;
const envoyType = (name: string): object => ({ "@type": `type.googleapis.com/envoy.extensions.filters.${name}` });

const nginx: Reader = {
  name: "nginx",
  program: which("nginx") ?? which("/usr/sbin/nginx") ?? undefined,
  config: (folder) => `
    daemon off; master_process off; pid ${folder}/pid; error_log stderr crit; events {}
    http {
      access_log off;
      ${["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(" ")}
      server {
        listen unix:${folder}/s proxy_protocol;
        return 200 "$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr $proxy_protocol_server_port";
      }
    }`,
  args: (config, folder) => ["-p", folder, "-c", config],
  shows: apart,
};

const haproxy: Reader = {
  name: "HAProxy",
  program: which("haproxy") ?? which("/usr/sbin/haproxy") ?? undefined,
  config: (folder) => `
defaults
  mode http
  timeout client 5s
  timeout server 5s
  timeout connect 5s
frontend ends
  bind unix@${folder}/s accept-proxy
  http-request return status 200 content-type text/plain lf-string "%[src] %[src_port] %[dst] %[dst_port]"
`,
  args: (config) => ["-f", config],
  shows: apart,
};

const envoy: Reader = {
  name: "Envoy",
  program: installedEnvoy(),
  config: (folder) => {
    const ends = { header: { key: "ends", value: "%DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS%" } };
    const route = { match: { prefix: "/" }, direct_response: { status: 200 }, response_headers_to_add: [ends] };
    const http = {
      ...envoyType("network.http_connection_manager.v3.HttpConnectionManager"),
      stat_prefix: "ends",
      delayed_close_timeout: "0s",
      route_config: { virtual_hosts: [{ name: "all", domains: ["*"], routes: [route] }] },
      http_filters: [{ name: "router", typed_config: envoyType("http.router.v3.Router") }],
    };
    const listener = {
      address: { pipe: { path: `${folder}/s` } },
      listener_filters: [{ name: "proxy", typed_config: envoyType("listener.proxy_protocol.v3.ProxyProtocol") }],
      filter_chains: [{ filters: [{ name: "http", typed_config: http }] }],
    };
    return JSON.stringify({ static_resources: { listeners: [listener] } });
  },
  args: (config) => ["-c", config, "--disable-hot-restart", "--log-level", "error"],
  shows: ({ host, port }) => (host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`),
};

const ipv4: ProxiedEnds = { source: { host: "192.0.2.1", port: 4711 }, destination: { host: "198.51.100.7", port: 443 } };
/** Without zeros to shorten: nginx shows what version 1 has as it came, and that is in full. */
const ipv6: ProxiedEnds = {
  source: { host: "2001:db8:1:2:3:4:5:6", port: 65_535 },
  destination: { host: "2001:db8:8:7:6:5:4:3", port: 443 },
};
const rows = [
  [1, "IPv4", ipv4],
  [1, "IPv6", ipv6],
  [2, "IPv4", ipv4],
  [2, "IPv6", ipv6],
] as const;

for (const reader of [nginx, haproxy, envoy]) {
  const { name, program } = reader;
  if (program === undefined) describe.skip(`${name}: skipped, since it is not installed`, () => reads(reader, ""));
  else describe(name, () => reads(reader, program));
}

function reads({ config, args, shows }: Reader, program: string): void {
  let folder: Awaited<ReturnType<typeof tempDir>>;
  let child: Subprocess | undefined;

  beforeAll(async () => {
    folder = await tempDir();
    const path = `${folder.path}/config.json`;
    await write(path, config(folder.path));
    child = spawn([program, ...args(path, folder.path)], { stdout: "ignore", stderr: "inherit" });
    await eventually("it answers", async () => (await ask(encodeProxyV1(ipv4))).includes("200 OK"), 20_000);
  }, 30_000);

  afterAll(async () => {
    child?.kill();
    await child?.exited;
    await folder[Symbol.asyncDispose]();
  });

  /** What is answered to a request behind these bytes, until the reader closes. */
  async function ask(header: Uint8Array): Promise<string> {
    const pieces: Uint8Array[] = [];
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    const socket = await connect({
      unix: `${folder.path}/s`,
      socket: { data: (_, piece) => void pieces.push(Uint8Array.from(piece)), close: () => resolve(), error: () => resolve() },
    });
    socket.write(Buffer.concat([header, Buffer.from("GET / HTTP/1.1\r\nHost: a.example.com\r\nConnection: close\r\n\r\n")]));
    await closed;
    return Buffer.concat(pieces).toString();
  }

  test.each(rows)("reads version %d of %s", async (version, _, ends) => {
    const header = version === 1 ? encodeProxyV1(ends) : encodeProxyV2(ends, "stream");
    expect(await ask(header)).toContain(`${shows(ends.source)} ${shows(ends.destination)}`);
  });

  test("answers nothing to a client that sends no header", async () => {
    expect(await ask(new Uint8Array())).not.toContain("200 OK");
  });
}
