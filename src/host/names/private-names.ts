/** Names that one command alone resolves: its own /etc/hosts, kept current, and the machine's as it is (Linux). */

import { readFileSync } from "node:fs";
import { type OwnFile, type Started, startWithFiles } from "#native/own-files.ts";
import { removeLeft, SharedFile } from "#native/shared-file.ts";
import { type HostsEntry, withEntries, withoutNames } from "#wire/hosts-file.ts";
import { filesFirst } from "#wire/files-first.ts";

export interface PrivateCommand {
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

const hostsPath = "/etc/hosts";
const switchPath = "/etc/nsswitch.conf";
const prefix = "command";

export class PrivateNames {
  readonly #machine: string;
  readonly #hosts: SharedFile;
  readonly #switch: SharedFile | undefined;

  /** The files are made in `directory`, which is the user's alone, and have no names there once the command has them. */
  constructor(directory: string, entries: readonly HostsEntry[]) {
    removeLeft(directory, prefix);
    const pathOf = (name: string): string => `${directory}/${prefix}.${process.pid}.${name}`;
    this.#machine = textOf(hostsPath);
    this.#hosts = new SharedFile(pathOf("hosts"), this.#with(entries));
    const first = filesFirst(textOf(switchPath));
    this.#switch = first === undefined ? undefined : new SharedFile(pathOf("nsswitch"), bytesOf(first));
  }

  start(command: PrivateCommand): Started {
    const files: OwnFile[] = [{ source: this.#hosts.path, target: hostsPath }];
    if (this.#switch) files.push({ source: this.#switch.path, target: switchPath });
    try {
      return startWithFiles({ ...command, files });
    } finally {
      for (const file of [this.#hosts, this.#switch]) file?.unlink();
    }
  }

  update(entries: readonly HostsEntry[]): void {
    this.#hosts.write(this.#with(entries));
  }

  close(): void {
    this.#hosts.close();
    this.#switch?.close();
  }

  /** A name that the machine's file has as well leads where the entries say. */
  #with(entries: readonly HostsEntry[]): Uint8Array {
    const names = new Set(entries.flatMap((entry) => entry.names));
    return bytesOf(withEntries(withoutNames(this.#machine, names), entries));
  }
}

/** A character for each byte. */
const textOf = (path: string): string => readFileSync(path, "latin1");
const bytesOf = (text: string): Uint8Array => Buffer.from(text, "latin1");
