/** Installs the pinned dependencies when they are missing or the lock file changed, so that every script works on a fresh clone. */

import { CryptoHasher, file, spawnSync, write } from "bun";

const root = `${import.meta.dir}/..`;
const stamp = file(`${root}/node_modules/.installed`);

const wanted = new CryptoHasher("sha256").update(await file(`${root}/bun.lock`).bytes()).digest("hex");
const present = (await stamp.exists()) ? await stamp.text() : "";

if (present !== wanted) {
  const { exitCode } = spawnSync([process.execPath, "install", "--frozen-lockfile"], { cwd: root, stdout: "inherit", stderr: "inherit" });
  if (exitCode !== 0) process.exit(exitCode);
  await write(stamp, wanted);
}
