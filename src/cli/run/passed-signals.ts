/** Signals that kt gets while a command runs in its place, passed on to that command. */

/** The same numbers everywhere (POSIX, kill). */
const numbers = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGTERM: 15 } as const;
type EndingSignal = keyof typeof numbers;
type PassedSignal = EndingSignal | "SIGUSR1" | "SIGUSR2";

export class PassedSignals {
  readonly #hasTerminal: boolean;
  readonly #ended = Promise.withResolvers<number>();
  #send: ((signal: PassedSignal) => void) | undefined;
  /** Resolves to an exit code when a signal came before there was a command to pass it on to. */
  readonly ended: Promise<number> = this.#ended.promise;

  constructor(hasTerminal: boolean) {
    this.#hasTerminal = hasTerminal;
    for (const signal of Object.keys(numbers) as EndingSignal[]) {
      process.on(signal, () => (this.#send ? this.#send(signal) : this.#ended.resolve(128 + numbers[signal])));
    }
  }

  /**
   * From now on the signals are the command's. With a terminal, its Ctrl-C and Ctrl-\ have reached the command already, as
   * one of the same group, and must not count twice: a second one means "now" to many programs.
   */
  passTo(send: (signal: PassedSignal) => void): void {
    this.#send = (signal) => {
      if (!this.#hasTerminal || (signal !== "SIGINT" && signal !== "SIGQUIT")) send(signal);
    };
    for (const signal of ["SIGUSR1", "SIGUSR2"] as const) process.on(signal, () => send(signal));
  }
}
