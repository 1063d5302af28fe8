/** Which of several places that say a tunable counts: every tunable, every pair of places. */

import { describe, expect, test } from "bun:test";
import { loadPlan } from "#profile/load.ts";
import type { Tunable } from "#profile/sections/tunable.ts";
import { type TuningKey, tuning } from "#profile/sections/tuning.ts";
import { setVariable } from "#profile/values/set-variable.ts";

const directory = "/home/me/shop";

type Value = string | number | boolean;

/** As many different values as there are places. */
function valuesOf(tunable: Tunable): readonly Value[] {
  if (tunable.kind === "switch") return [true, false, true, false, true];
  if (tunable.kind === "duration") return ["2s", "3s", "4s", "5s", "6s"];
  return [0, 1, 2, 3, 4].map((step) => Math.min(Math.max(tunable.least, 1) + step, tunable.most));
}

interface Said {
  readonly files: Map<string, string>;
  readonly environment: Record<string, string>;
}

interface Place {
  readonly name: string;
  /** What `kt check` says of it. */
  readonly from: (key: TuningKey) => string;
  readonly say: (said: Said, key: TuningKey, value: Value) => unknown;
}

function inFile(name: string): Place {
  const say: Place["say"] = ({ files }, { path }, value) => {
    const line = `${path.at(-1)} = ${JSON.stringify(value)}\n`;
    files.set(name, `${files.get(name) ?? ""}${path.length > 1 ? `[${path[0]}]\n` : ""}${line}`);
  };
  return { name, from: () => `${directory}/${name}`, say };
}

/** From the weakest to the strongest. */
const places: readonly Place[] = [
  inFile("team.toml"),
  inFile("tunnels.toml"),
  inFile("tunnels.local.toml"),
  {
    name: "variable",
    from: ({ variable }) => variable,
    say: ({ environment }, { variable }, value) => Object.assign(environment, { [variable]: String(value) }),
  },
  {
    name: "--set",
    from: ({ key }) => `--set ${key}`,
    say: ({ environment }, { key }, value) => Object.assign(environment, { [setVariable]: `${key}=${String(value)}` }),
  },
];

async function settingOf(key: TuningKey, said: Said) {
  const readText = async (path: string): Promise<string | undefined> => said.files.get(path.replace(`${directory}/`, ""));
  const loaded = await loadPlan({ file: `${directory}/tunnels.toml`, environment: said.environment, home: "/home/me", readText });
  return loaded.settings.find((setting) => setting.key === key.key);
}

const nothingSaid = (): Said => ({
  files: new Map([
    ["tunnels.toml", 'extends = ["team.toml"]\n'],
    ["team.toml", ""],
  ]),
  environment: {},
});

describe.each(tuning.map((key) => [key.key, key] as const))("%s", (_, key) => {
  test("is the default where nothing says it", async () => {
    expect(await settingOf(key, nothingSaid())).toEqual({ key: key.key, value: key.tunable.fallback, from: undefined });
  });

  const pairs = places.flatMap((above, at) => places.slice(0, at).map((below) => [below, above] as const));
  test.each(pairs.map(([below, above]) => [above.name, below.name, below, above] as const))(
    "of %s goes before that of %s",
    async (_above, _below, below, above) => {
      const said = nothingSaid();
      const values = valuesOf(key.tunable);
      const value = values[places.indexOf(above)] as Value;
      below.say(said, key, values[places.indexOf(below)] as Value);
      above.say(said, key, value);
      const setting = await settingOf(key, said);
      expect(setting?.value).toBe(value);
      expect(setting?.from?.file).toBe(above.from(key));
    },
  );
});

test("every key has a variable of its own", () => {
  expect(new Set(tuning.map(({ variable }) => variable)).size).toBe(tuning.length);
  expect(tuning.length).toBeGreaterThan(7);
});
