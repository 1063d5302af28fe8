/** `kt setup ports`: low ports for every user of this machine, by the setting of Linux that says where they end. */

import { existsSync } from "node:fs";
import { firstPortBySystem, sysctlFiles } from "#native/sysctl-files.ts";
import type { SetupPart, SetupRequest } from "./setup-part.ts";

const name = "net.ipv4.ip_unprivileged_port_start";
const live = "/proc/sys/net/ipv4/ip_unprivileged_port_start";
/** The last one that says something counts (sysctl.d(5)). */
const file = "/etc/sysctl.d/99-zz-kt-ports.conf";
/** Every port: services have 22, 25, 53 and 80. */
const first = "0";

const text = `# Written by "kt setup ports"; "kt setup ports --undo" removes it.
# Every user may listen on ports below 1024, as services in a cluster do.
${name} = ${first}
`;

export function setupPorts({ platform, direction }: SetupRequest): SetupPart {
  if (platform !== "linux")
    return impossible(`${platform === "darwin" ? "macOS" : platform} gives low ports of loopback addresses to root alone`);
  if (!existsSync(live)) return impossible("this kernel has no setting for it, which Linux 4.11 brought");
  const otherwise = firstPortBySystem(sysctlFiles(), file);
  if (direction === "do" && otherwise === first && !existsSync(file))
    return { kind: "needless", why: "every port is for every user already" };
  return {
    kind: "steps",
    done: "services have their own ports, also below 1024",
    steps: [
      { kind: "file", path: file, text, folder: "system's" },
      { kind: "value", name, path: live, value: first, otherwise },
    ],
  };
}

function impossible(why: string): SetupPart {
  return { kind: "impossible", why, hints: ["kt status shows the port above 1024 that stands for each"] };
}
