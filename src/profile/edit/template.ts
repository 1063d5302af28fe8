/** The commented tunnels.toml that `kt init` writes for a new project. */

import { shippedProfiles } from "#profile/read/shipped.ts";
import { tomlString } from "#profile/toml/text.ts";

/** What `kt init` found; nothing of it is needed. */
export interface TemplateFacts {
  readonly name?: string | undefined;
  readonly context?: string | undefined;
  readonly namespace?: string | undefined;
  /** Shipped profiles to build on, as `kt:NAME`. */
  readonly extends?: readonly string[] | undefined;
  /** Shipped profiles that would fit, and are only named. */
  readonly fitting?: readonly string[] | undefined;
  /** Hostnames and the ports behind them, written out as routes. */
  readonly routes?: readonly TemplateRoute[];
  readonly tcp?: readonly TemplateTcp[];
  /** The same, only named: in comments. */
  readonly offered?: { readonly routes: readonly TemplateRoute[]; readonly tcp: readonly TemplateTcp[] } | undefined;
  /** Namespaces that are had as a whole. */
  readonly forward?: readonly string[] | undefined;
  /** Path or URL of the JSON Schema, for editors. */
  readonly schema?: string | undefined;
}

export interface TemplateRoute {
  readonly host: string;
  /** As formatTarget writes it. */
  readonly target: string;
}

export interface TemplateTcp {
  readonly port: number;
  readonly target: string;
}

/** What a profile would read as a variable or as a literal dollar is written so that it comes out as it is. */
function literal(text: string): string {
  return /\$[${]/.test(text) ? text.replaceAll("$", "$$$$") : text;
}

function setting(key: string, value: string | undefined, example: string, comment: string): string {
  const line = value === undefined ? `# ${key} = ${tomlString(example)}` : `${key} = ${tomlString(literal(value))}`;
  return `${line.padEnd(40)} # ${comment}`;
}

function extendsLine(taken: readonly string[], fitting: readonly string[]): string {
  const list = (names: readonly string[]): string => `extends = [${names.map(tomlString).join(", ")}]`;
  const offered = fitting.length > 0 ? `# ${list([...taken, ...fitting])} # this cluster has what they reach` : undefined;
  if (taken.length > 0) return [list(taken), ...(offered === undefined ? [] : [offered])].join("\n");
  return offered ?? `# ${list(["kt:argocd", "./team.toml"])}`;
}

/** More of them would hide the rest of the file. */
const shownOffers = 12;

function table(header: string, comment: string, lines: readonly string[], offers: readonly string[], example: string): string {
  const shown = offers.slice(0, shownOffers);
  const more = offers.length > shown.length ? [`# and ${offers.length - shown.length} more: kt add offers them`] : [];
  const comments = offers.length > 0 ? [...shown.map((line) => `# ${line}`), ...more] : lines.length > 0 ? [] : [`# ${example}`];
  return [comment, header, ...lines, ...comments].join("\n");
}

function hostLines(routes: readonly TemplateRoute[]): readonly string[] {
  return routes.map(({ host, target }) => `${tomlString(host)} = ${tomlString(target)}`);
}

function portLines(tcp: readonly TemplateTcp[]): readonly string[] {
  return tcp.map(({ port, target }) => `${port} = ${tomlString(target)}`);
}

function forwardPiece(namespaces: readonly string[], example: string): string {
  const lines = (names: readonly string[]): string[] => [
    "[[forward]]",
    `namespaces = [${names.map((name) => tomlString(literal(name))).join(", ")}]`,
  ];
  const section = namespaces.length > 0 ? lines(namespaces) : lines([example]).map((line) => `# ${line}`);
  return ["# Every service of whole namespaces, each at an address of its own; a command of kt run resolves their names.", ...section].join(
    "\n",
  );
}

/** A whole profile, valid as it stands. */
export function profileTemplate(facts: TemplateFacts): string {
  const { name, context, namespace, routes = [], tcp = [], fitting = [], schema } = facts;
  const offered = facts.offered ?? { routes: [], tcp: [] };
  const pieces = [
    // Editors look for it in the first line (Taplo, Even Better TOML, Tombi).
    ...(schema === undefined ? [] : [`#:schema ${schema}`]),
    "# What this project reaches in Kubernetes. kt up makes it so, kt check reads it over.\n# Your own settings go into tunnels.local.toml beside it, which is not committed.",
    [
      setting("name", name, "shop", "default: the folder's name"),
      setting("context", context, "dev", "default: the kubeconfig's current context"),
      setting("namespace", namespace, "shop", "default: the context's own"),
    ].join("\n"),
    `# Profiles that come with kt: ${[...shippedProfiles.keys()].join(", ")}.\n${extendsLine(facts.extends ?? [], fitting)}`,
    table(
      "[routes]",
      "# http://NAME:8989 and https://NAME:8989 → [NAMESPACE/]svc/NAME:PORT, the port by number or name.",
      hostLines(routes),
      hostLines(offered.routes),
      '"web.localhost" = "svc/web:80"',
    ),
    table("[tcp]", "# 127.0.0.1:PORT → the same kind of target.", portLines(tcp), portLines(offered.tcp), '5432 = "svc/postgresql:5432"'),
    forwardPiece(facts.forward ?? [], namespace ?? "shop"),
    "# Every other service has a name already: http://web-80.svc.NAMESPACE.ns.CONTEXT.cx.k8s.localhost:8989",
  ];
  return `${pieces.join("\n\n")}\n`;
}
