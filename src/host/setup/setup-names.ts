/** `kt setup names`: a helper that runs as root for one user, by systemd, and only while that user's hub is connected. */

import { changeHosts, machineHosts } from "#host/names/change-hosts.ts";
import { namesSocket } from "#host/names/names-socket.ts";
import type { SetupStep } from "./setup-step.ts";

/** A copy that root owns: what the user can write must not run as root later. */
const helper = "/usr/local/lib/kt/names-helper";
const units = "/etc/systemd/system";

/** `program` is the kt that is copied. */
export function setupNames(uid: number, program: string): SetupStep[] {
  const name = `kt-names-${uid}`;
  return [
    { kind: "copy", path: helper, from: program, users: { folder: units, name: /^kt-names-\d+\.socket$/, own: `${name}.socket` } },
    {
      kind: "call",
      on: "undo",
      what: `take kt's block of uid ${uid} out of ${machineHosts.path}`,
      run: () => changeHosts(machineHosts, String(uid), []),
    },
    { kind: "command", on: "undo", argv: ["systemctl", "daemon-reload"] },
    { kind: "file", path: `${units}/${name}.socket`, text: socketUnit(uid) },
    { kind: "file", path: `${units}/${name}@.service`, text: serviceUnit(uid) },
    { kind: "command", on: "do", argv: ["systemctl", "daemon-reload"] },
    { kind: "command", on: "do", argv: ["systemctl", "enable", "--now", `${name}.socket`] },
    { kind: "command", on: "undo", argv: ["systemctl", "stop", `${name}@*.service`] },
    { kind: "command", on: "undo", argv: ["systemctl", "disable", "--now", `${name}.socket`] },
  ];
}

function socketUnit(uid: number): string {
  return `# Written by "kt setup names"; "kt setup names --undo" removes it.
[Unit]
Description=Names of kt for uid ${uid}

[Socket]
ListenStream=${namesSocket(uid)}
SocketUser=${uid}
SocketMode=0600
RemoveOnStop=yes
Accept=yes
MaxConnections=4

[Install]
WantedBy=sockets.target
`;
}

/** It needs the hosts file and the folder it is in, the lock beside /run, and the right to give a new file its owner. */
function serviceUnit(uid: number): string {
  return `# Written by "kt setup names"; "kt setup names --undo" removes it.
[Unit]
Description=Names of kt for uid ${uid}
CollectMode=inactive-or-failed

[Service]
ExecStart=${helper} names-helper ${uid}
StandardInput=socket
StandardOutput=socket
StandardError=journal
NoNewPrivileges=yes
CapabilityBoundingSet=CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_FSETID
ProtectSystem=strict
ReadWritePaths=/etc /run
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
PrivateNetwork=yes
RestrictAddressFamilies=AF_UNIX
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
MemoryMax=256M
`;
}
