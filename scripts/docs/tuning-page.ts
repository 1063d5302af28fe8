/** docs/tuning.md: the settings that tune kt, with their variables, from the table that kt itself goes by. */

import { getDescription } from "valibot";
import { profileSchema } from "#profile/schema/schema.ts";
import { schemaAt, unwrap } from "#profile/schema/schema-walk.ts";
import { type TuningKey, tuning } from "#profile/sections/tuning.ts";
import { code, fence, madeFrom, page, table } from "./markdown.ts";

const intro = [
  "# Tuning",
  "kt needs none of this: the defaults fit one developer and a cluster. For slow backends, shared machines and pods that run kt for many there are the settings below.",
  "## Where a setting is said",
  "Each may stand in the profile, in `tunnels.local.toml`, in a variable, and on the command line. Where several say it, the later of these counts: what the profile extends, the profile, `tunnels.local.toml`, the variable, `--set`.",
];

const variables = [
  'The variable\'s name is that of the key: `health.interval` is `KT_HEALTH_INTERVAL`. An empty one counts as absent. kt reads those of the shell that attached the profile, and the hub keeps them until it is attached again. `KT_SET` holds several settings, as `--set` writes them: `KT_SET="health.interval=10s retry.max=1"`; kt passes `--set` to the hub by it. `--set` is an option of `kt up`, `run`, `shell`, `tui`, `serve` and `check`.',
  "A value that cannot be is an error before anything is attached, with what says it and what is allowed. A variable that begins like those of a section and is not one of them is an error, too; those that Kubernetes adds for services with such names are left alone.",
  "`kt check` says what is not the default and where it is said, `kt check --settings` the rest as well; both also with `--json`. Of a profile that is attached, `kt status` and `kt explain` say the same, by the environment that it was attached with, and so does the dashboard's Health.",
];

export function tuningPage(): string {
  const sections = [...new Set(tuning.map(({ path }) => (path.length > 1 ? (path[0] ?? "") : "")))];
  return page([
    madeFrom("scripts/docs/tuning-page.ts and src/profile/sections"),
    ...intro,
    ...fence("toml", [
      "# tunnels.toml",
      "[health]",
      'interval = "20s"',
      "",
      "[routes]",
      '"grafana.localhost" = "monitoring/svc/grafana:80"',
    ]),
    ...fence("console", [
      "$ KT_HEALTH_FAILURES=5 kt check --set health.interval=10s",
      "...",
      'health.interval = "10s", from --set health.interval',
      "health.failures = 5, from KT_HEALTH_FAILURES",
    ]),
    ...variables,
    "## Every setting",
    "What each does in full stands in [the profile's reference](profile.md).",
    ...sections.flatMap(sectionTable),
  ]);
}

function sectionTable(section: string): string[] {
  const keys = tuning.filter(({ path }) => (path.length > 1 ? path[0] : "") === section);
  const rows = table(["key", "variable", "default", "what it is"], keys.map(row));
  if (section === "") return ["### At the top of the file", ...rows];
  const shape = schemaAt(profileSchema, [section]);
  return [`### [${section}]`, getDescription(unwrap(shape ?? profileSchema)) ?? "", ...rows];
}

function row({ path, key, variable, tunable }: TuningKey): string[] {
  return [code(path.at(-1) ?? key), code(variable), code(JSON.stringify(tunable.fallback)), tunable.what];
}
