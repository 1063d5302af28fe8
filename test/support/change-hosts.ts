/** Changes a hosts file as a process of its own: `change-hosts.ts PATH OWNER NAMES`. Prints why it could not. */

import { KtError } from "#base/errors.ts";
import { changeHosts } from "#host/names/change-hosts.ts";

const [path = "", owner = "", names = ""] = process.argv.slice(2);
try {
  changeHosts({ path, lock: `${path}.lock` }, owner, names === "" ? [] : [{ address: "127.0.0.1", names: names.split(",") }]);
} catch (error) {
  process.stderr.write(error instanceof KtError ? error.message : String(error));
  process.exitCode = 1;
}
