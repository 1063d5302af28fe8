/** IPv4 addresses as numbers and text. */

/** Undefined for what is not four decimal numbers from 0 to 255. */
export function parseIpv4(text: string): number | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9][0-9]{0,2})$/.test(part) && Number(part) <= 255)) return undefined;
  return parts.reduce((number, part) => number * 256 + Number(part), 0);
}

export function formatIpv4(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join(".");
}

/** 127.0.0.0/8. */
export function isLoopbackIpv4(address: number): boolean {
  return address >>> 24 === 127;
}
