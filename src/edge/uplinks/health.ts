/** Whether an uplink is healthy, by what its probes and its connections show. Pure. */

export interface HealthThresholds {
  readonly healthyThreshold: number;
  readonly unhealthyThreshold: number;
}

export class Health {
  #isUp = false;
  /** Probes in a row with the other result. */
  #against = 0;
  /** One success is enough for the first time: an edge that has just started would serve nothing for as long as the threshold takes. */
  #isNew = true;
  #problem = "it has not answered yet";

  get isUp(): boolean {
    return this.#isUp;
  }

  /** Why it is not healthy; the last thing that failed, also where it still is. */
  get problem(): string {
    return this.#problem;
  }

  succeeded({ healthyThreshold }: HealthThresholds): void {
    if (this.#isUp) {
      this.#against = 0;
      return;
    }
    this.#against += 1;
    if (!this.#isNew && this.#against < healthyThreshold) return;
    this.#isUp = true;
    this.#isNew = false;
    this.#against = 0;
    this.#problem = "";
  }

  failed(problem: string, { unhealthyThreshold }: HealthThresholds): void {
    this.#problem = problem;
    if (!this.#isUp) {
      this.#against = 0;
      return;
    }
    this.#against += 1;
    if (this.#against >= unhealthyThreshold) this.lost(problem);
  }

  /** What leaves no doubt: it refuses connections, or its stream has closed. */
  lost(problem: string): void {
    this.#problem = problem;
    this.#isUp = false;
    this.#against = 0;
  }
}
