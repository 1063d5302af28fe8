/** `kt version`: the version, the commit and the platform. */

import type { CommandContext } from "#cli/command.ts";
import { exitCodes } from "#cli/exit.ts";

export async function version({ options, output, build }: CommandContext): Promise<number> {
  const { platform, arch } = process;
  if (options.flag("json")) output.json({ ...build, platform, arch });
  else output.line(`kt ${build.version} (${build.commit}) ${platform}-${arch}`);
  return exitCodes.done;
}
