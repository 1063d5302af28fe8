/** `kt env`: the profile's `[env]`, with the addresses of its routes filled in, for a shell or a program to read. */

import { KtError } from "#base/errors.ts";
import { command } from "#base/shell.ts";
import { attach } from "#cli/hub/attach.ts";
import type { CommandContext, Options } from "#cli/command.ts";
import { withConsent } from "#cli/profile/consent.ts";
import { type EnvFormat, envFormats, formatVariables, isUnsureInDotenv } from "#cli/run/env-format.ts";
import { exitCodes } from "#cli/exit.ts";
import { loadAllowedHere } from "#cli/profile/local-plan.ts";
import { type ForwardedAddresses, forwardedIn, needsForwards, variablesOf } from "#daemon/status/plan-env.ts";
import { proxiedEnvironment } from "#cli/run/proxied-environment.ts";
import { profileFile, shellEnvironment } from "#cli/profile/profile-file.ts";
import { trustedIn } from "#cli/trust/trusted-in.ts";
import { warnUnresolved } from "#cli/run/unresolved.ts";

export async function env(context: CommandContext): Promise<number> {
  const { options, output } = context;
  const format = formatOf(options);
  const file = await profileFile(options);
  const { plan } = await withConsent(file, output, () => loadAllowedHere(file));
  const forwarded = needsForwards(plan) ? await forwardedNow(context, file) : new Map();
  const shell = shellEnvironment();
  const variables = { ...(await trustedIn(plan, shell)), ...(await proxiedEnvironment(plan, shell)), ...variablesOf(plan, forwarded) };
  await warnUnresolved(plan, output);
  const text = formatVariables(variables, format);
  if (text !== "") output.raw(text);
  const unsure = Object.keys(variables).filter((name) => format === "dotenv" && isUnsureInDotenv(variables[name] ?? ""));
  for (const name of unsure) output.warning(`${name} has quotes or backslashes that readers of .env files disagree about`);
  return exitCodes.done;
}

/** Services keep their addresses, so it is enough that the profile is attached for a moment. */
async function forwardedNow(context: CommandContext, file: string): Promise<ForwardedAddresses> {
  const { client, profile } = await attach(context, file, false);
  try {
    return forwardedIn(await client.snapshot(), profile);
  } finally {
    client.close();
  }
}

/** `--json`, as other commands have it, is `--format json`. */
function formatOf(options: Options): EnvFormat {
  const format = options.text("format");
  if (!options.flag("json")) return readFormat(format ?? "sh");
  if (format === undefined || format === "json") return "json";
  throw new KtError("usage", `--json and --format ${format} are two formats`, { hints: ["give one of them"] });
}

function readFormat(text: string): EnvFormat {
  const known = envFormats.find((format) => format === text);
  if (known === undefined) {
    throw new KtError("usage", `"${text}" is not a valid format`, {
      hints: envFormats.map((format) => command`kt env --format ${format}`),
    });
  }
  return known;
}
