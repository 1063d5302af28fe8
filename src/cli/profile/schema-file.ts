/** The JSON Schema beside a profile, for editors: no address of it is published, and a path in the repo is one for the whole team. */

import { file as openFile } from "bun";
import { jsonSchema } from "#profile/schema/json-schema.ts";
import { replaceFile } from "#profile/edit/replace-file.ts";

const schemaFileName = "tunnels.schema.json";

/** Writes it, in place of an older one. Resolves to how a profile in that folder names it; undefined where it cannot be. */
export async function writeSchema(directory: string): Promise<string | undefined> {
  const path = `${directory}/${schemaFileName}`;
  if (!(await isOurs(path))) return undefined;
  const text = `${JSON.stringify(jsonSchema(), undefined, 2)}\n`;
  return await replaceFile(path, async () => text).then(
    () => `./${schemaFileName}`,
    () => undefined,
  );
}

/** Not there, or a schema of ours: another file of that name stays. */
async function isOurs(path: string): Promise<boolean> {
  const file = openFile(path);
  if (!(await file.exists())) return true;
  const { title } = jsonSchema() as { readonly title?: unknown };
  return await file.json().then(
    (found: { readonly title?: unknown }) => found.title === title,
    () => false,
  );
}
