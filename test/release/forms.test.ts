/** The forms for issues are what GitHub takes, and ask for what a bug is found by. */

import { describe, expect, test } from "bun:test";
import { file, Glob, YAML } from "bun";

interface Field {
  readonly type: string;
  readonly id?: string;
  readonly attributes: { readonly label?: string; readonly value?: string; readonly description?: string };
  readonly validations?: { readonly required?: boolean };
}

interface Form {
  readonly name: string;
  readonly description: string;
  readonly body: readonly Field[];
}

const root = `${import.meta.dir}/../..`;
const folder = `${root}/.github/ISSUE_TEMPLATE`;
const names = [...new Glob("*.yml").scanSync({ cwd: folder })].filter((name) => name !== "config.yml").sort();
const read = async (name: string): Promise<Form> => YAML.parse(await file(`${folder}/${name}`).text()) as Form;

describe.each(names)("%s", async (name) => {
  const form = await read(name);

  test("has a name, a description, and a label and an id of its own for each field", () => {
    const fields = form.body.filter(({ type }) => type !== "markdown");
    const ids = fields.map(({ id }) => id);
    expect(`${form.name}${form.description}`).not.toContain("undefined");
    expect(new Set(ids).size).toBe(fields.length);
    expect(fields.filter(({ id, attributes }) => id === undefined || !attributes.label)).toEqual([]);
    expect(form.body.map(({ type }) => type).filter((type) => !/^(markdown|textarea|input|dropdown|checkboxes)$/.test(type))).toEqual([]);
  });
});

test("a bug needs the bundle of kt doctor and the version, and a vulnerability goes elsewhere", async () => {
  const { body } = await read("bug.yml");
  const needed = body.filter(({ validations }) => validations?.required).map(({ id }) => id);
  expect(needed).toEqual(expect.arrayContaining(["happened", "steps", "version", "bundle"]));
  expect(body.find(({ id }) => id === "bundle")?.attributes.description).toContain("kt doctor --bundle");
  expect(body[0]?.attributes.value).toContain("SECURITY.md");
});

test("dependencies are proposed for the lock file that there is, and not for the runtime", async () => {
  const { updates } = YAML.parse(await file(`${root}/.github/dependabot.yml`).text()) as {
    updates: readonly { "package-ecosystem": string; ignore?: readonly { "dependency-name": string }[] }[];
  };
  expect(updates.map((update) => update["package-ecosystem"])).toEqual(["bun", "github-actions"]);
  expect(updates[0]?.ignore?.map((ignored) => ignored["dependency-name"])).toEqual(["bun", "bun-types"]);
});
