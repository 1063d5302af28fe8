/** A file as a kubelet mounts it from a ConfigMap: a link into a folder `..data`, which is a link that is replaced with all that it leads to. */

import { mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";

export class MountedFile {
  readonly path: string;
  readonly #folder: string;
  readonly #name: string;
  #version = 0;

  constructor(folder: string, name: string) {
    this.#folder = folder;
    this.#name = name;
    this.path = `${folder}/${name}`;
  }

  async write(text: string): Promise<void> {
    const [former, next] = [`..v${this.#version}`, `..v${this.#version + 1}`];
    this.#version += 1;
    await mkdir(`${this.#folder}/${next}`);
    await writeFile(`${this.#folder}/${next}/${this.#name}`, text);
    await symlink(next, `${this.#folder}/..data_tmp`);
    await rename(`${this.#folder}/..data_tmp`, `${this.#folder}/..data`);
    if (this.#version === 1) await symlink(`..data/${this.#name}`, this.path);
    await rm(`${this.#folder}/${former}`, { recursive: true, force: true });
  }
}
