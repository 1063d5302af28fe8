/** Puts the built kt into the cluster's container runtime as an image, and takes it out again. */

import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { write } from "bun";
import { imageOf } from "#scripts/image.ts";
import { run } from "./cluster.ts";
import { binary } from "./kt.ts";

const clusterDir = process.env["KT_CLUSTER_DIR"] ?? "";

async function ctr(...args: readonly string[]): Promise<void> {
  const ran = await run(["ctr", "-a", `${clusterDir}/containerd/containerd.sock`, "-n", "k8s.io", ...args]);
  if (ran.exitCode !== 0) throw new Error(`ctr ${args.join(" ")}: ${ran.stderr}`);
}

export interface Imported {
  readonly name: string;
  remove(): Promise<void>;
}

/** The built kt as an image that only this run has. */
export async function importRelayImage(): Promise<Imported> {
  return await importImage(binary, "kt");
}

/** A program as such an image. */
export async function importImage(program: string, as: string): Promise<Imported> {
  const name = `kt.test/${as}:run-${process.pid}`;
  const archive = `${tmpdir()}/kt-image-${as}-${process.pid}.tar`;
  await write(archive, await imageOf(program, { name, compress: false }));
  await ctr("images", "import", archive);
  rmSync(archive);
  return { name, remove: () => ctr("images", "rm", name) };
}
