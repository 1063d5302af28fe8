/** docs/commands.md: every command with its options and examples, from src/cli/commands.ts. */

import { type CommandSpec, commandGroups } from "#cli/command.ts";
import { commands, globalOptions } from "#cli/commands.ts";
import { usage } from "#cli/help.ts";
import { code, fence, madeFrom, page, table } from "./markdown.ts";

const needsService = 'skip="changes the user\'s services"';
const needsTerminal = 'skip="needs a terminal; test/e2e/tui.e2e.ts has one"';
const needsMachine = 'skip="changes the machine; test/e2e/setup.e2e.ts has one of its own"';
const needsEdge = 'skip="needs a public edge; test/e2e/edge-cli.e2e.ts has one"';

const asksKt = 'skip="ends with 1 where the machine does not ask kt; test/e2e/dns.e2e.ts has one that does"';

/** How test/support/doc-blocks.ts has to run an example; those that are not here simply run to their end. */
const howToRun: Readonly<Record<string, string>> = {
  "kt up": "stays",
  "kt up -i": needsTerminal,
  "kt tui": needsTerminal,
  "kt tui -f shop/tunnels.toml": needsTerminal,
  "kt logs -f": "stays attached",
  "kt status -w": "stays attached",
  "kt logs grafana.localhost --since 5m": "attached",
  "kt dashboard": "attached",
  "kt dashboard --url": "attached",
  "kt metrics": "attached",
  "kt metrics | grep kt_route_up": "attached",
  "kt down shop": "attached",
  "kt status shop": "attached",
  "kt status grafana.localhost --json": "attached",
  "kt service install": needsService,
  "kt service status": needsService,
  "kt service uninstall": needsService,
  "kt setup --dry-run": needsMachine,
  "kt setup names ports": needsMachine,
  "kt setup --undo": needsMachine,
  "kt trust status": 'skip="ends with 1 where there is no CA; test/e2e/trust.e2e.ts has one"',
  "kt trust uninstall": 'skip="changes the machine; test/e2e/trust.e2e.ts has one of its own"',
  'psql -h localhost -p "$(kt url 5432 | cut -d: -f2)"': "attached",
  "kt serve -f shop/tunnels.toml -f billing/tunnels.toml": "stays",
  "kt serve --log-format json -f tunnels.toml": "stays",
  "kt forward svc/web 8080:80": "stays",
  "kt forward deploy/api :http -n shop": "stays",
  "kt demo": "stays",
  "kt edge plan -f edge.yaml": 'skip="needs such a file; docs/edge.md has one"',
  "kt edge secret --host 203.0.113.10 --key-file ~/.ssh/id_ed25519 -o edge-ssh.yaml":
    'skip="needs a host to sign in at; test/e2e/edge-ssh.e2e.ts has one"',
  "kt edge secret --host 203.0.113.10 --user deploy --password-stdin < password.txt":
    'skip="needs a host to sign in at; test/e2e/edge-ssh.e2e.ts has one"',
  "kt edge logs edge-node -n infra --since 10m": needsEdge,
  "kt edge logs edge-node -f": needsEdge,
  "kt edge doctor edge-node -n infra": 'skip="needs a host to sign in at; test/e2e/edge-ssh.e2e.ts has one"',
  "kt edge doctor -f edge.yaml -f edge-ssh.yaml": 'skip="needs a host to sign in at; test/e2e/edge-ssh.e2e.ts has one"',
  "kt edge doctor --host 203.0.113.10 --key-file ~/.ssh/id_ed25519": 'skip="needs a host to sign in at; test/e2e/edge-ssh.e2e.ts has one"',
  "kt edge plan --json": 'skip="needs a cluster with the kinds; test/e2e/edge-resources.e2e.ts has one"',
  "kt edge status": needsEdge,
  "kt edge status edge-node -n infra --json": needsEdge,
  "kt init": "new",
  "kt init --yes": "new",
  "kt dns status": asksKt,
  "kt dns status --json": asksKt,
  "kt init --from ~/.autotunnel.yaml": 'skip="needs such a file; test/scripts/init-from.txt has one"',
  "kt add": 'skip="asks questions; test/cli/wizard.test.ts answers them"',
  "kt add grafana.localhost monitoring/svc/grafana:http": "new",
  "kt add 5432 databases/svc/postgresql:5432": "new",
  "kt add 3306 db.internal:3306 --via default/svc/api": "new",
  "kt env --format fish | source": 'skip="needs fish; test/integration/env.test.ts reads it back"',
};

const intro = [
  "# Commands",
  "`kt COMMAND --help` prints the same. Where a command works on a profile, it is the nearest `tunnels.toml` in this folder or above, or the one that `-f` names.",
];

const exitCodes = [
  "## Exit codes",
  ...table(
    ["code", "means"],
    [
      ["0", "done"],
      ["1", "failed"],
      ["2", "the command line or the profile is wrong"],
      ["3", "the cluster cannot be reached, or does not accept the credentials"],
      ["130", "ended by Ctrl-C"],
    ],
  ),
];

export function commandsPage(): string {
  const shown = commands.filter(({ hidden }) => hidden !== true);
  return page([
    madeFrom("src/cli/commands.ts"),
    ...intro,
    ...table(
      ["command", "does"],
      inGroups(shown).map(({ name, summary }) => [`[${code(`kt ${name}`)}](#kt-${name.replaceAll(" ", "-")})`, summary]),
    ),
    "Every command takes these:",
    ...optionTable(globalOptions),
    ...inGroups(shown).flatMap(section),
    ...exitCodes,
  ]);
}

/** As the help of kt lists them. */
function inGroups(specs: readonly CommandSpec[]): CommandSpec[] {
  return [...commandGroups, undefined].flatMap((group) => specs.filter((spec) => spec.group === group));
}

function section(spec: CommandSpec): string[] {
  const { name, aliases = [], summary, notes = [], options, example } = spec;
  const also = aliases.length === 0 ? "" : ` Also ${aliases.map((alias) => code(`kt ${alias}`)).join(", ")}.`;
  const what = `${code(`kt ${usage(spec)}`)}${also}`;
  return [`## kt ${name}`, `${summary}.`, what, ...paragraph(notes), ...optionTable(options), ...examples(example)];
}

/** Lines that are laid out in columns stay so. */
function paragraph(notes: readonly string[]): string[] {
  if (notes.some((line) => /\S {2,}\S/.test(line))) return fence("text", notes);
  return notes.length === 0 ? [] : [notes.join(" ")];
}

function optionTable(options: CommandSpec["options"]): string[] {
  return table(
    ["option", "does"],
    options.map(([flags, description]) => [code(flags), description]),
  );
}

/** One block for neighbours that are run in the same way, but for those that need the terminal or the folder to themselves. */
function examples(lines: readonly string[]): string[] {
  const groups: { how: string | undefined; lines: string[] }[] = [];
  for (const line of lines) {
    const how = howToRun[line];
    const last = groups.at(-1);
    if (last && last.how === how && !how?.includes("stays") && !line.startsWith("kt init")) last.lines.push(line);
    else groups.push({ how, lines: [line] });
  }
  return groups.flatMap(({ how, lines: group }) => fence(how === undefined ? "sh" : `sh ${how}`, group));
}
