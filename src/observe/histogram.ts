/** How many values fell into which range: a few numbers, however many values there were. */

/** Upper bounds in seconds, for what takes from a fraction of a millisecond on this machine to a minute in a cluster. */
export const secondBounds: readonly number[] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

const boundsMs = Float64Array.from(secondBounds, (seconds) => seconds * 1000);

export class Histogram {
  /** One more than there are bounds: the last is for what is larger than all of them. */
  readonly counts = new Float64Array(boundsMs.length + 1);
  count = 0;
  sumMs = 0;

  add(valueMs: number): void {
    let at = 0;
    while (at < boundsMs.length && valueMs > (boundsMs[at] as number)) at += 1;
    this.counts[at] = (this.counts[at] as number) + 1;
    this.count += 1;
    this.sumMs += valueMs;
  }
}
