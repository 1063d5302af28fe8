/** `kt schema`: the JSON Schema of tunnels.toml, for editors. */

import type { CommandContext } from "#cli/command.ts";
import { exitCodes } from "#cli/exit.ts";
import { jsonSchema } from "#profile/schema/json-schema.ts";

export async function schema({ output }: CommandContext): Promise<number> {
  output.raw(JSON.stringify(jsonSchema(), undefined, 2));
  return exitCodes.done;
}
