/** The full-screen view: joins keys, the hub's status and the screen, and does what the model asks for. */

import type { Clock } from "#base/clock.ts";
import { toKtError } from "#base/errors.ts";
import type { HubClient } from "#control/client.ts";
import type { RouteAction, Snapshot } from "#control/api.ts";
import { Feed } from "./feed.ts";
import { HubLink, type Loss } from "./hub-link.ts";
import { type Key, KeyDecoder } from "./model/keys.ts";
import { tuiLimits } from "./limits.ts";
import { pressed } from "./model/keymap.ts";
import {
  type Effect,
  ended,
  firstModel,
  heard,
  heardLines,
  type Model,
  resized,
  selectedRow,
  wantedSource,
  withNotice,
  withPods,
  withRequests,
  withSnapshot,
} from "./model/model.ts";
import { Polls } from "./polls.ts";
import { Screen } from "./screen.ts";
import type { Terminal } from "./terminal.ts";
import { view } from "./view/view.ts";

export interface TuiOptions {
  readonly terminal: Terminal;
  readonly clock: Clock;
  readonly client: HubClient;
  /** What is shown until the hub has sent more. */
  readonly snapshot?: Snapshot;
  /** The path of the profile that `client` keeps attached; undefined where it keeps none. */
  readonly lease: string | undefined;
  /** After the hub has gone; with the lease, where there was one. */
  readonly connect: (loss: Loss) => Promise<HubClient>;
  /** Another connection to the hub that is there now. Rejects with KtError. */
  readonly connectToo: () => Promise<HubClient>;
  /** Rejects with KtError. */
  readonly openPage: (url: string) => Promise<void>;
}

/** How the user left. */
export interface Left {
  /** The leased profile is to stay attached. */
  readonly keepAttached: boolean;
  /** To the hub that is there now, if one is. */
  readonly client: HubClient | undefined;
}

export class Tui {
  readonly #options: TuiOptions;
  readonly #screen: Screen;
  readonly #hub: HubLink;
  readonly #feed: Feed;
  readonly #polls: Polls;
  readonly #keys = new KeyDecoder();
  readonly #left = Promise.withResolvers<Left>();
  #model: Model;
  #cancelDraw: (() => void) | undefined;
  #cancelEscape: (() => void) | undefined;
  #cancelNotice: (() => void) | undefined;
  /** The terminal is behind: what is true when it has caught up is drawn. */
  #isWaiting = false;

  constructor(options: TuiOptions) {
    const { terminal, snapshot, lease, connect, connectToo, clock } = options;
    this.#options = options;
    this.#screen = new Screen(terminal);
    const first = firstModel(sizeOf(terminal), lease);
    this.#model = snapshot ? withSnapshot(first, snapshot) : first;
    this.#hub = new HubLink({
      connect,
      clock,
      onSnapshot: (snapshot) => {
        const isBack = this.#model.link.kind === "lost";
        this.#show(withSnapshot(this.#model, snapshot));
        if (isBack) this.#noticeLater();
      },
      onLost: (why) => this.#show({ ...this.#model, link: { kind: "lost", why } }),
    });
    this.#feed = new Feed({
      connect: connectToo,
      clock,
      listener: {
        onEntries: (source, entries) => this.#show(heard(this.#model, source, entries)),
        onLines: (source, lines, leftOut) => this.#show(heardLines(this.#model, source, lines, leftOut)),
        onEnd: (source, why) => this.#show(ended(this.#model, source, why)),
      },
    });
    this.#polls = new Polls({
      clock,
      client: () => this.#hub.client,
      model: () => this.#model,
      onPods: (key, pods) => selectedRow(this.#model)?.key === key && this.#show(withPods(this.#model, pods)),
      onRequests: (key, requests) => this.#model.detail?.key === key && this.#show(withRequests(this.#model, requests)),
      onSparks: (sparks) => this.#show({ ...this.#model, sparks }),
    });
  }

  /** Resolves when the user leaves; the terminal is as before then. The hub's connection stays open. */
  async run(): Promise<Left> {
    const { terminal, client } = this.#options;
    this.#screen.open();
    terminal.onInput((bytes) => this.#input(bytes));
    terminal.onResize(() => this.#resized());
    this.#draw();
    void this.#hub.follow(client);
    try {
      return await this.#left.promise;
    } finally {
      this.#feed.follow(undefined);
      this.#polls.close();
      this.#screen.close();
    }
  }

  /** Leaves as the user would, without a question. */
  leave(): void {
    this.#quit(false);
  }

  /** `run` rejects with it. */
  fail(error: unknown): void {
    this.#left.reject(error);
  }

  /** While the process ends: the terminal is as before at once. */
  abandon(): void {
    this.#screen.abandon();
  }

  /** Draws the whole screen again, as after the process was stopped. */
  redraw(): void {
    this.#screen.reopen();
    this.#resized();
  }

  /** Gives the terminal to the shell until the process goes on. */
  async suspend(): Promise<void> {
    if (!this.#screen.isOpen) return;
    this.#screen.close();
    await this.#options.terminal.drained();
    await this.#options.terminal.suspend();
    this.redraw();
  }

  #input(bytes: Uint8Array): void {
    this.#cancelEscape?.();
    this.#cancelEscape = undefined;
    this.#press(this.#keys.push(bytes));
    if (this.#keys.isWaiting) this.#cancelEscape = this.#options.clock.after(tuiLimits.escapeMs, () => this.#press(this.#keys.flush()));
  }

  #press(keys: readonly Key[]): void {
    if (keys.length === 0) return;
    for (const key of keys) {
      const { model, effects } = pressed(this.#model, key);
      this.#model = model;
      for (const effect of effects) this.#do(effect);
    }
    this.#noticeLater();
    this.#draw();
  }

  #do(effect: Effect): void {
    const { terminal, openPage } = this.#options;
    switch (effect.type) {
      case "quit":
        this.#quit(effect.keepAttached);
        break;
      case "suspend":
        void this.suspend();
        break;
      case "redraw":
        this.#screen.forget();
        break;
      case "act":
        void this.#act(effect);
        break;
      case "copy":
        terminal.write(copySequence(effect.text));
        break;
      case "open":
        void openPage(effect.url).catch((error: unknown) => this.#failed(error));
        break;
    }
  }

  #quit(keepAttached: boolean): void {
    this.#cancelDraw?.();
    this.#left.resolve({ keepAttached, client: this.#hub.release() });
  }

  async #act({ action, profile, route }: Extract<Effect, { type: "act" }>): Promise<void> {
    try {
      await this.#hub.client?.ask({ type: "act", action, profile, route }, "done");
      this.#show(withNotice(this.#model, `${route}: ${done[action]}`));
      this.#noticeLater();
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    this.#show(withNotice(this.#model, toKtError(error, "internal", "internal error").message, "red"));
    this.#noticeLater();
  }

  #resized(): void {
    this.#model = resized(this.#model, sizeOf(this.#options.terminal));
    this.#screen.forget();
    this.#draw();
  }

  #noticeLater(): void {
    this.#cancelNotice?.();
    if (this.#model.notice === undefined) return;
    this.#cancelNotice = this.#options.clock.after(tuiLimits.noticeMs, () => this.#show({ ...this.#model, notice: undefined }));
  }

  /** Soon, together with what else changes. */
  #show(model: Model): void {
    this.#model = model;
    this.#cancelDraw ??= this.#options.clock.after(tuiLimits.drawPauseMs, () => this.#draw());
  }

  #draw(): void {
    const { terminal } = this.#options;
    this.#cancelDraw?.();
    this.#cancelDraw = undefined;
    if (!this.#screen.isOpen) return;
    this.#feed.follow(wantedSource(this.#model));
    this.#polls.look();
    if (this.#isWaiting) return;
    this.#screen.draw(view(this.#model));
    if (terminal.waitingBytes > 0) void this.#drawDrained();
  }

  /** Over a slow connection no more than one picture waits. */
  async #drawDrained(): Promise<void> {
    const drawn = this.#model;
    this.#isWaiting = true;
    await this.#options.terminal.drained();
    this.#isWaiting = false;
    if (this.#model !== drawn) this.#draw();
  }
}

const done: Readonly<Record<RouteAction, string>> = { reconnect: "connected anew", stop: "stopped", start: "started" };

function sizeOf({ columns, rows }: Terminal): Model["size"] {
  return { columns, rows };
}

/** OSC 52: the terminal puts it on the clipboard of the machine that it runs on, through ssh too (xterm's control sequences). */
function copySequence(text: string): string {
  return `\u001b]52;c;${Buffer.from(text).toString("base64")}\u0007`;
}
