/** Envoy beside kt's edge: the program, and the same ports to the same target. */

import { writeFileSync } from "node:fs";
import { spawn, type Subprocess } from "bun";
import { envoyProgram } from "#test/support/envoy-program.ts";

export interface PublicPorts {
  readonly plain: number;
  readonly tls: number;
  readonly udp: number;
}

export interface EdgeProxy {
  readonly child: Subprocess;
  readonly ports: PublicPorts;
}

/** The files of the chain and of the key, and both as one text. */
export interface Certificate {
  readonly chain: string;
  readonly key: string;
  readonly both: string;
}

/** It accepts no more than 1,024 connections of a cluster unless told otherwise. */
const thresholds = { thresholds: [{ max_connections: 100_000, max_pending_requests: 100_000, max_requests: 100_000 }] };

interface EnvoyTarget {
  readonly host: string;
  readonly port: number;
}

function envoyConfig(certificate: Certificate, { plain, tls, udp }: PublicPorts, target: EnvoyTarget): object {
  const type = (name: string): object => ({ "@type": `type.googleapis.com/envoy.${name}` });
  const address = (host: string, port: number, protocol = "TCP"): object => ({
    socket_address: { protocol, address: host, port_value: port },
  });
  const filters = [
    { name: "tcp", typed_config: { ...type("extensions.filters.network.tcp_proxy.v3.TcpProxy"), stat_prefix: "t", cluster: "target" } },
  ];
  const certificates = [{ certificate_chain: { filename: certificate.chain }, private_key: { filename: certificate.key } }];
  const transport = {
    name: "tls",
    typed_config: {
      ...type("extensions.transport_sockets.tls.v3.DownstreamTlsContext"),
      common_tls_context: { tls_certificates: certificates },
    },
  };
  const route = { name: "route", typed_config: { ...type("extensions.filters.udp.udp_proxy.v3.Route"), cluster: "target" } };
  const udpProxy = {
    ...type("extensions.filters.udp.udp_proxy.v3.UdpProxyConfig"),
    stat_prefix: "u",
    matcher: { on_no_match: { action: route } },
  };
  return {
    static_resources: {
      listeners: [
        { name: "plain", address: address("127.0.0.1", plain), filter_chains: [{ filters }] },
        { name: "tls", address: address("127.0.0.1", tls), filter_chains: [{ filters, transport_socket: transport }] },
        { name: "udp", address: address("127.0.0.1", udp, "UDP"), listener_filters: [{ name: "udp", typed_config: udpProxy }] },
      ],
      clusters: [
        {
          name: "target",
          connect_timeout: "5s",
          circuit_breakers: thresholds,
          load_assignment: {
            cluster_name: "target",
            endpoints: [{ lb_endpoints: [{ endpoint: { address: address(target.host, target.port) } }] }],
          },
        },
      ],
    },
  };
}

export async function startEnvoy(folder: string, certificate: Certificate, ports: PublicPorts, target: EnvoyTarget): Promise<EdgeProxy> {
  const config = `${folder}/envoy.json`;
  writeFileSync(config, JSON.stringify(envoyConfig(certificate, ports, target)));
  const child = spawn([await envoyProgram(), "-c", config, "--log-level", "error", "--disable-hot-restart"], {
    stdout: "ignore",
    stderr: "inherit",
  });
  return { child, ports };
}
