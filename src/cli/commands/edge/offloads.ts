/** `kt edge offloads`: switches off what a host's network card does by itself with packets, for the unit kt-offloads.service. */

import { readFileSync } from "node:fs";
import { write } from "bun";
import { KtError } from "#base/errors.ts";
import type { CommandContext } from "#cli/command.ts";
import { exitCodes } from "#cli/exit.ts";
import { defaultLink, offloads, readOffload, setOffload } from "#native/link-offloads.ts";

/** What cannot be changed is said and left: nothing depends on it but speed. */
export async function edgeOffloads({ options, output }: CommandContext): Promise<number> {
  const link = defaultLink();
  if (link === undefined) throw new KtError("host-unfit", "no network interface leads to the internet");
  const [off, restore] = [options.text("off"), options.text("restore")];
  if (off !== undefined) {
    const wereOn = offloads.filter((offload) => readOffload(link, offload) === true);
    await write(off, wereOn.map((offload) => `${link} ${offload}\n`).join(""));
    for (const offload of wereOn) if (!setOffload(link, offload, false)) output.log("warn", "offload-stays", { link, offload });
  } else if (restore !== undefined) {
    const lines = readFileSync(restore, "utf8").trim().split("\n");
    for (const [former = "", name] of lines.map((line) => line.split(" "))) {
      const offload = offloads.find((each) => each === name);
      if (offload !== undefined) setOffload(former, offload, true);
    }
  } else {
    const said = offloads.map((offload) => `${offload} ${words[String(readOffload(link, offload))]}`);
    output.line(`${link}: ${said.join(", ")}`);
  }
  return exitCodes.done;
}

const words: Readonly<Record<string, string>> = { true: "on", false: "off", undefined: "unknown" };
