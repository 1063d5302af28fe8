/** `kt add`: writes one more route into the profile, as it was given or as the wizard found it. */

import { KtError } from "#base/errors.ts";
import { command } from "#base/shell.ts";
import type { CommandContext, Options } from "#cli/command.ts";
import { withConsent } from "#cli/profile/consent.ts";
import { exitCodes } from "#cli/exit.ts";
import { loadHere, loadOptions } from "#cli/profile/local-plan.ts";
import type { Output } from "#cli/screen/output.ts";
import { fileWords, profileFileOrNew } from "#cli/profile/profile-file.ts";
import { canAsk } from "#cli/screen/prompts.ts";
import { httpUrl, portAddress } from "#cli/profile/route-urls.ts";
import { isHttpLike, readPort, usualLocalPort } from "#cli/proposals/suggest.ts";
import { routeKeyOf } from "#cli/proposals/route-section.ts";
import { type NewForward, type NewRoute, shownName } from "#profile/edit/edit.ts";
import { type PreparedRoute, prepareRoute } from "#profile/edit/file.ts";
import { profileTemplate } from "#profile/edit/template.ts";
import type { TomlInline } from "#profile/toml/text.ts";
import { looksLikeAddress } from "#route/address-text.ts";

export async function add({ args, options, output }: CommandContext): Promise<number> {
  const [local, target] = args;
  const file = await profileFileOrNew(options);
  const given = givenSettings(options);
  if (local !== undefined && target !== undefined) {
    const key = routeKeyOf(local);
    const hasNoWay = key.section !== "udp" && looksLikeAddress(target) && given["via"] === undefined && !(await hasRelay(file));
    if (hasNoWay) throw needsVia(local, target);
    const route: NewRoute = { ...key, target, settings: given };
    const prepared = await prepareRoute(loadOptions(file), route, profileTemplate({}));
    await prepared.write();
    return tell(prepared, route, file, output);
  }
  if (!canAsk() || (local !== undefined && routeKeyOf(local).section === "udp")) throw needsArguments(local);
  const { askToAdd } = await import("#cli/wizard/add-wizard.ts");
  const answered = await withConsent(file, output, () => askToAdd({ file, local, given }));
  if (answered === undefined) return exitCodes.interrupted;
  // The lines have been shown already.
  return tell({ ...answered.prepared, written: [] }, answered.route, file, output);
}

/** In the order in which they are written. */
function givenSettings(options: Options): TomlInline {
  const names = ["context", "via", "container", "method", "scheme"] as const;
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = options.text(name);
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
}

function needsArguments(local: string | undefined): KtError {
  const missing = local === undefined ? "HOST|PORT and TARGET" : "TARGET";
  if (local !== undefined && routeKeyOf(local).section === "udp")
    return new KtError("usage", `kt add ${local} needs TARGET too`, { hints: [command`kt add ${local} kube-system/svc/kube-dns:53`] });
  return new KtError("usage", `kt add needs ${missing}, or a terminal to ask for them`, {
    hints: ["kt add grafana.localhost monitoring/svc/grafana:http", "kt add 3306 db.internal:3306 --via default/svc/api"],
  });
}

/** The profile as it is names a relay, which reaches addresses without a jump host. */
async function hasRelay(file: string): Promise<boolean> {
  const relay = await loadHere(file).then(
    ({ plan }) => plan.relay,
    () => undefined,
  );
  return relay?.image !== undefined && relay.mode !== "never";
}

function needsVia(local: string, target: string): KtError {
  return new KtError("usage", `target "${target}" is an address, which needs a jump host`, {
    hints: [command`kt add ${local} ${target} --via svc/NAME`, 'or name an image of kt in the profile: [relay] image = "…"'],
  });
}

/** A database at a hostname would only ever get HTTP requests. Who names a scheme knows better. */
function warnNoHttp({ section, name, target, settings }: NewRoute, output: Output): void {
  const port = readPort(target.slice(target.lastIndexOf(":") + 1));
  if (section !== "routes" || settings["scheme"] !== undefined || isHttpLike(port)) return;
  const shown = port.name === "" ? String(port.port) : port.name;
  output.warning(`port ${shown} is not known to speak HTTP, and a hostname is only for HTTP and TLS`);
  const local = usualLocalPort(port) ?? "PORT";
  const more = Object.entries(settings).flatMap(([key, value]) => (typeof value === "string" ? [`--${key}`, value] : []));
  output.hints([command`kt rm ${name} && kt add ${local} ${target} ${more}`]);
}

function tell(prepared: PreparedRoute, route: NewRoute | NewForward, file: string, output: Output): number {
  const { isNew, written } = prepared;
  output.note(isNew ? `made ${file}` : `wrote to ${file}`);
  for (const line of written) output.note(`  ${line}`);
  if (route.section !== "forward") tellRoute(prepared, route, output);
  if (isNew) output.advice([command`kt up ${fileWords(file)}`]);
  return exitCodes.done;
}

function tellRoute({ plan, warnings }: PreparedRoute, route: NewRoute, output: Output): void {
  for (const { message, route: about } of warnings) if (about === route.name) output.warning(message);
  output.line(portAddress(plan, shownName(route)) ?? httpUrl(plan, route.name) ?? "");
  warnNoHttp(route, output);
}
