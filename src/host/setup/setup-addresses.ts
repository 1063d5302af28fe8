/** `kt setup addresses`: a block of loopback addresses on macOS, which gives programs 127.0.0.1 alone. Linux has all of 127.0.0.0/8. */

import { addressBlock, hasAddressBlock } from "#host/address-block.ts";
import type { SetupPart, SetupRequest } from "./setup-part.ts";

const label = "dev.kt.addresses";
const file = `/Library/LaunchDaemons/${label}.plist`;

export function setupAddresses({ platform }: SetupRequest): SetupPart {
  if (platform !== "darwin") return { kind: "needless", why: "every address of 127.0.0.0/8 is this machine's own" };
  const [add, remove] = [script("alias"), script("-alias")];
  return {
    kind: "steps",
    done: `services have addresses of their own, 127.${addressBlock.second.join(" and 127.")}, also after a restart of this Mac`,
    steps: [
      { kind: "file", path: file, text: plist(add), folder: "system's" },
      { kind: "command", on: "do", argv: ["/bin/sh", "-c", add], isNeeded: () => !hasAddressBlock() },
      { kind: "command", on: "undo", argv: ["/bin/sh", "-c", remove] },
    ],
  };
}

/** One alias for each address: a netmask would not make the others the machine's own. */
function script(change: "alias" | "-alias"): string {
  const { second, third, lasts } = addressBlock;
  const numbers = (from: number, to: number): string => Array.from({ length: to - from + 1 }, (_, index) => from + index).join(" ");
  const mask = change === "alias" ? " 255.255.255.255" : "";
  const loops = `for a in ${second.join(" ")}; do for b in ${third.join(" ")}; do for c in ${numbers(1, lasts)}; do`;
  return `${loops} /sbin/ifconfig lo0 ${change} 127.$a.$b.$c${mask}; done; done; done`;
}

function plist(command: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<!-- Written by "kt setup addresses"; "kt setup addresses --undo" removes it. -->
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>${label}</string>
  <key>ProgramArguments</key>
  <array>
    <string>/bin/sh</string>
    <string>-c</string>
    <string>${command}</string>
  </array>
  <key>RunAtLoad</key>
  <true/>
</dict>
</plist>
`;
}
