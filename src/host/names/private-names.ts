/** Names and ports that one command alone has: its own /etc/hosts, kept current, and the machine's as it is (Linux). */

import { readFileSync } from "node:fs";
import { type MovedPort, movedPorts, type OwnFile, type Started, startWithFiles } from "#native/own-files.ts";
import { removeLeft, SharedFile } from "#native/shared-file.ts";
import { type HostsEntry, withEntries, withoutNames } from "#wire/hosts-file.ts";
import { filesFirst } from "#wire/files-first.ts";

export interface PrivateCommand {
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** An address with its names, and the low ports there for which others stand. */
export interface PrivateEntry extends HostsEntry {
  readonly lowPorts?: readonly Omit<MovedPort, "address">[] | undefined;
}

const hostsPath = "/etc/hosts";
const switchPath = "/etc/nsswitch.conf";
const prefix = "command";

export class PrivateNames {
  readonly #directory: string;
  readonly #machine: string;
  readonly #hosts: SharedFile;
  readonly #switch: SharedFile | undefined;
  readonly #ports: SharedFile | undefined;

  /**
   * The files are made in `directory`, which is the user's alone, and have no names there once the command has them. Without `movesPorts`
   * every port is what it is, whatever the entries say.
   */
  constructor(directory: string, entries: readonly PrivateEntry[], movesPorts: boolean) {
    this.#directory = directory;
    removeLeft(directory, prefix);
    const pathOf = (name: string): string => `${directory}/${prefix}.${process.pid}.${name}`;
    this.#machine = textOf(hostsPath);
    this.#hosts = new SharedFile(pathOf("hosts"), this.#with(entries));
    const first = filesFirst(textOf(switchPath));
    this.#switch = first === undefined ? undefined : new SharedFile(pathOf("nsswitch"), bytesOf(first));
    this.#ports = movesPorts ? new SharedFile(pathOf("ports"), portsOf(entries)) : undefined;
  }

  start(command: PrivateCommand): Started {
    const files: OwnFile[] = [{ source: this.#hosts.path, target: hostsPath }];
    if (this.#switch) files.push({ source: this.#switch.path, target: switchPath });
    try {
      return startWithFiles({ ...command, files, directory: this.#directory, ports: this.#ports?.descriptor });
    } finally {
      for (const file of this.#files()) file.unlink();
    }
  }

  update(entries: readonly PrivateEntry[]): void {
    this.#hosts.write(this.#with(entries));
    this.#ports?.write(portsOf(entries));
  }

  close(): void {
    for (const file of this.#files()) file.close();
  }

  #files(): SharedFile[] {
    return [this.#hosts, this.#switch, this.#ports].filter((file) => file !== undefined);
  }

  /** A name that the machine's file has as well leads where the entries say. */
  #with(entries: readonly HostsEntry[]): Uint8Array {
    const names = new Set(entries.flatMap((entry) => entry.names));
    return bytesOf(withEntries(withoutNames(this.#machine, names), entries));
  }
}

function portsOf(entries: readonly PrivateEntry[]): Uint8Array {
  return movedPorts(entries.flatMap(({ address, lowPorts = [] }) => lowPorts.map((each) => ({ address, ...each }))));
}

/** A character for each byte. */
const textOf = (path: string): string => readFileSync(path, "latin1");
const bytesOf = (text: string): Uint8Array => Buffer.from(text, "latin1");
