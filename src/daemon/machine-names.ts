/** Gives the names of the attached profiles to every program of this machine, by the helper of `kt setup names`, where that was run. */

import { connect, deepEquals, type Socket } from "bun";
import type { Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import { type ChannelState, channelEvents, LineChannel } from "#control/line-channel.ts";
import type { NameEntry } from "#daemon/status/names.ts";
import { daemonLimits } from "./limits.ts";
import type { Part } from "./part.ts";

export interface MachineNamesOptions {
  /** The helper's socket. It is not there before `kt setup names`. */
  readonly path: string;
  readonly clock: Clock;
  readonly log: Log;
}

export class MachineNames implements Part {
  readonly #options: MachineNamesOptions;
  #wanted: readonly NameEntry[] = [];
  #sent: readonly NameEntry[] = [];
  #channel: LineChannel | undefined;
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
    if (typeof value !== "object" || value === null || !("problem" in value)) return;
    this.#options.log("warn", "names", { text: `the names are not in the hosts file: ${String(value.problem)}` });
  }

  /** Called by the channel. */
  onClose(): void {
    this.#channel = undefined;
    this.#lookLater();
  }

  /** The set-up may come later, and a helper may be killed. */
  async #look(): Promise<void> {
    this.#cancelLook();
    if (this.#isReleased || this.#wanted.length === 0) return;
    try {
      await connect<ChannelState>({
        unix: this.#options.path,
        data: { channel: undefined },
        socket: { ...channelEvents, open: (socket) => this.#opened(socket) },
      });
    } catch {
      this.#lookLater();
    }
  }

  #lookLater(): void {
    this.#cancelLook();
    if (!this.#isReleased) this.#cancelLook = this.#options.clock.after(daemonLimits.namesHelperCheckMs, () => void this.#look());
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
    this.#send();
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
