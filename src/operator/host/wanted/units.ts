/** The units of systemd that run a public edge, as text. Pure. */

import { linkName, places } from "./places.ts";

export interface WireguardLink {
  readonly address: string;
  readonly prefixLength: number;
  readonly mtu: number;
}

/**
 * A user that exists while a unit of it runs, with nothing that it does not need: a program that faces the internet, should it be taken
 * over, reads its own settings and sends packets, and that is all. Both units share the user, and so the socket between them.
 */
const confined = `User=kt-edge
DynamicUser=yes
StateDirectory=kt-edge
StateDirectoryMode=0700
UMask=0077
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
PrivateTmp=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
LimitCORE=0`;

/** It is never given up: what made it fail may go by itself, and until then the host serves nothing. */
const always = `StartLimitIntervalSec=0`;

const install = `[Install]
WantedBy=multi-user.target
`;

/**
 * An instance for each version, and a second of each (see `edgeUnits`), so that two can run beside each other during an upgrade: one is up
 * once it serves, by its own word.
 * Certificates are the user's, whose number systemd may choose anew at each boot; their folder is root's, who writes into it. One that is
 * stopped goes on until its last connection ends; one that has handed over ends by itself, and must not come back.
 */
export const edgeUnitText = `[Unit]
Description=kt: public edge
After=network.target
${always}

[Service]
Type=notify
NotifyAccess=all
TimeoutStartSec=infinity
ExecStartPre=+/bin/sh -c 'chown -R --reference=${places.state}/ ${places.certificates} && chown root:root ${places.certificates}'
ExecStart=/bin/sh -c 'instance=%i; exec ${places.binaries}/$\${instance%%%%-*}/kt edge run --plan ${places.plan} --state ${places.state} --wireguard /run/wireguard/kt-edge.sock --tls'
Restart=on-failure
RestartSec=1s
TimeoutStopSec=infinity
LimitNOFILE=1048576
AmbientCapabilities=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
PrivateDevices=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
${confined}

${install}`;

/** It outlives an upgrade of the edge, and of itself: a running one is replaced by the next boot. The command ends when the link is up. */
export function wireguardUnitText(binary: string, { address, prefixLength, mtu }: WireguardLink): string {
  return `[Unit]
Description=kt: WireGuard of the public edge
${always}

[Service]
Type=forking
ExecStart=${binary} edge wireguard --link ${linkName} --address ${address}/${prefixLength} --mtu ${mtu}
Restart=always
RestartSec=1s
RuntimeDirectory=wireguard
AmbientCapabilities=CAP_NET_ADMIN
CapabilityBoundingSet=CAP_NET_ADMIN
DevicePolicy=closed
DeviceAllow=/dev/net/tun rw
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
${confined}

${install}`;
}

/** Speed alone depends on it, so a card that does not let itself be changed is accepted. What was on is so again when it stops. */
export function offloadsUnitText(binary: string): string {
  return `[Unit]
Description=kt: packets of the public edge as they come, not joined or split by the network card
After=network.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=-${binary} edge offloads --off /run/kt-offloads/former
ExecStop=-${binary} edge offloads --restore /run/kt-offloads/former
RuntimeDirectory=kt-offloads
AmbientCapabilities=CAP_NET_ADMIN
CapabilityBoundingSet=CAP_NET_ADMIN
PrivateDevices=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
${confined}

${install}`;
}

/** Without it a reboot would wait for the last connection of every stopped edge. */
export const shutdownUnitText = `[Unit]
Description=kt: ends the connections of the public edge when the host shuts down

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStop=/bin/sh -c 'systemctl kill --signal=KILL "kt-edge@*.service"'

${install}`;
