/** `kt setup names`: a helper that runs as root for one user, by systemd, and only while that user's hub is connected. */

import { existsSync } from "node:fs";
import { machineHosts } from "#host/names/change-hosts.ts";
import { namesSocket } from "#host/names/names-socket.ts";
import { purgeHosts } from "#host/names/purge-hosts.ts";
import { readBlocks } from "#host/names/read-blocks.ts";
import type { SetupPart, SetupRequest } from "./setup-part.ts";
import type { SetupStep } from "#host/steps/setup-step.ts";

/** A copy that root owns: what the user can write must not run as root later. */
const helper = "/usr/local/lib/kt/names-helper";
const units = "/etc/systemd/system";

export function setupNames({ platform, direction, uid, program }: SetupRequest): SetupPart {
  if (direction === "do" && (platform !== "linux" || !existsSync("/run/systemd/system")))
    return { kind: "impossible", why: "it needs Linux with systemd", hints: ["kt run -- COMMAND resolves the names in one command"] };
  if (direction === "do" && program === undefined)
    return { kind: "impossible", why: "it needs a built kt, of which it makes a copy", hints: ["npx bun run build"] };
  return {
    kind: "steps",
    done: "names of attached profiles resolve in every program of this machine; kt hosts shows them",
    steps: stepsOf(uid, program ?? ""),
  };
}

function stepsOf(uid: number, program: string): SetupStep[] {
  const name = `kt-names-${uid}`;
  const socket = `${units}/${name}.socket`;
  const users = { folder: units, name: /^kt-names-\d+\.socket$/, own: `${name}.socket` };
  return [
    { kind: "copy", path: helper, from: program, users, folder: "kt's" },
    {
      kind: "call",
      on: "undo",
      what: `take the names of uid ${uid} out of ${machineHosts.path}`,
      run: () => purgeHosts(machineHosts, uid),
      isNeeded: () => readBlocks().some(({ owner }) => owner.uid === uid),
    },
    { kind: "command", on: "undo", argv: ["systemctl", "daemon-reload"] },
    { kind: "file", path: socket, text: socketUnit(uid), folder: "system's" },
    { kind: "file", path: `${units}/${name}@.service`, text: serviceUnit(uid), folder: "system's" },
    { kind: "command", on: "do", argv: ["systemctl", "daemon-reload"] },
    { kind: "command", on: "do", argv: ["systemctl", "enable", "--now", `${name}.socket`], isNeeded: () => !existsSync(namesSocket(uid)) },
    { kind: "command", on: "undo", argv: ["systemctl", "stop", `${name}@*.service`] },
    { kind: "command", on: "undo", argv: ["systemctl", "disable", "--now", `${name}.socket`], isNeeded: () => existsSync(socket) },
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
# Also after a kill, and then it does what the killed one could not.
ExecStopPost=${helper} names-helper ${uid} left
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
