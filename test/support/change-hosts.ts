/** Changes a hosts file as a process of its own: `change-hosts.ts PATH UID NAMES`. Prints why it could not. */

import { KtError } from "#base/errors.ts";
import { setNames } from "#host/names/names-helper.ts";

const [path = "", uid = "", names = ""] = process.argv.slice(2);
const file = { path, lock: `${path}.lock`, journal: `${path}.journal` };
try {
  setNames(file, { uid: Number(uid), pid: 1 }, names === "" ? [] : [{ address: "127.0.0.1", names: names.split(",") }]);
} catch (error) {
  process.stderr.write(error instanceof KtError ? error.message : String(error));
  process.exitCode = 1;
}
