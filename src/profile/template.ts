/** The commented tunnels.toml that `kt init` writes for a new project. */

import { shippedProfiles } from "./shipped.ts";
import { tomlString } from "./toml-text.ts";

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

function table(header: string, comment: string, lines: readonly string[], example: string): string {
  return [comment, header, ...(lines.length > 0 ? lines : [`# ${example}`])].join("\n");
}

/** A whole profile, valid as it stands. */
export function profileTemplate(facts: TemplateFacts): string {
  const { name, context, namespace, routes = [], tcp = [], fitting = [] } = facts;
  const hosts = routes.map(({ host, target }) => `${tomlString(host)} = ${tomlString(target)}`);
  const ports = tcp.map(({ port, target }) => `${port} = ${tomlString(target)}`);
  const pieces = [
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
      hosts,
      '"web.localhost" = "svc/web:80"',
    ),
    table("[tcp]", "# 127.0.0.1:PORT → the same kind of target.", ports, '5432 = "svc/postgresql:5432"'),
    "# Every other service has a name already: http://web-80.svc.NAMESPACE.ns.CONTEXT.cx.k8s.localhost:8989",
  ];
  return `${pieces.join("\n\n")}\n`;
}
