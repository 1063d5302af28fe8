/** Numbers per second for people. Pure. */

export function rate(perSecond: number): string {
  return perSecond >= 10 || Number.isInteger(perSecond) ? perSecond.toFixed(0) : perSecond.toFixed(1);
}
