/** Gives the names of the attached profiles to every program of this machine, by the helper of `kt setup names`, where that was run. */

import { connect, deepEquals, type Socket } from "bun";
import type { Clock } from "#base/clock.ts";
import { messageOf } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import { type ChannelState, channelEvents, LineChannel } from "#control/line-channel.ts";
import type { NameEntry } from "#daemon/status/names.ts";
import { machineHosts } from "#host/names/change-hosts.ts";
import { keepOriginal } from "#host/names/hosts-original.ts";
import { daemonLimits } from "./limits.ts";
import type { Part } from "./part.ts";

export interface NamesHelper {
  /** Its socket, which is not there before `kt setup names`. */
  readonly socket: string;
  /** Where the hosts file is kept as it was before it was changed for the first time. */
  readonly original: string;
}

export interface MachineNamesOptions extends NamesHelper {
  readonly clock: Clock;
  readonly log: Log;
}

export class MachineNames implements Part {
  readonly #options: MachineNamesOptions;
  #wanted: readonly NameEntry[] = [];
  /** Undefined where the helper could not take it. */
  #sent: readonly NameEntry[] | undefined;
  #channel: LineChannel | undefined;
  /** The helper's last answer, where it was no success. */
  #problem: string | undefined;
  #cancelLook = (): void => {};
  #isReleased = false;

  constructor(options: MachineNamesOptions) {
    this.#options = options;
  }

  /** All names of what is attached, in the order of attaching. */
  want(entries: readonly NameEntry[]): void {
    this.#wanted = ownNames(entries);
    this.#send();
    if (this.#channel === undefined) void this.#look();
  }

  /** At the end of the connection the helper takes the names out of the machine's file. */
  release(): void {
    this.#isReleased = true;
    this.#cancelLook();
    this.#channel?.end();
  }

  /** Called by the channel. */
  onValue(value: unknown): void {
    const problem = typeof value === "object" && value !== null && "problem" in value ? String(value.problem) : undefined;
    if (problem !== undefined) {
      // What stands in the way may end by itself: a full disk.
      this.#sent = undefined;
      this.#lookLater();
      if (problem !== this.#problem) this.#options.log("warn", "names", { text: `the names are not in the hosts file: ${problem}` });
    }
    this.#problem = problem;
  }

  /** Called by the channel. */
  onClose(): void {
    this.#channel = undefined;
    this.#lookLater();
  }

  /** The set-up may come later, a helper may be killed, and what it could not do it is asked again. */
  async #look(): Promise<void> {
    this.#cancelLook();
    if (this.#channel !== undefined) this.#send();
    if (this.#isReleased || this.#channel !== undefined || this.#wanted.length === 0) return;
    try {
      await connect<ChannelState>({
        unix: this.#options.socket,
        data: { channel: undefined },
        socket: { ...channelEvents, open: (socket) => this.#opened(socket) },
      });
    } catch {
      this.#lookLater();
    }
  }

  #lookLater(): void {
    this.#cancelLook();
    if (!this.#isReleased) this.#cancelLook = this.#options.clock.after(daemonLimits.setupCheckMs, () => void this.#look());
  }

  #opened(socket: Socket<ChannelState>): void {
    const channel = new LineChannel(socket, this);
    socket.data = { channel };
    if (this.#channel !== undefined || this.#isReleased) {
      channel.end();
      return;
    }
    this.#channel = channel;
    this.#sent = [];
    this.#keepOriginal();
    this.#send();
  }

  #keepOriginal(): void {
    try {
      keepOriginal(machineHosts.path, this.#options.original);
    } catch (error) {
      this.#options.log("warn", "names", { text: messageOf(error) });
    }
  }

  #send(): void {
    if (this.#channel === undefined || deepEquals(this.#sent, this.#wanted)) return;
    this.#sent = this.#wanted;
    this.#channel.send(this.#wanted);
  }
}

/** IPv4 is all that the helper takes, and enough for every program. Of a name that two profiles have it is the first one's. */
function ownNames(entries: readonly NameEntry[]): NameEntry[] {
  const taken = new Set<string>();
  return entries
    .filter(({ address }) => address.startsWith("127."))
    .map(({ address, names }) => ({ address, names: names.filter((name) => !taken.has(name) && taken.add(name)) }))
    .filter(({ names }) => names.length > 0);
}
