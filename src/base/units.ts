/** The units that limits are written in: bytes and milliseconds. */

export const kib = 1024;
export const mib = 1024 * kib;
export const second = 1000;
export const day = 86_400 * second;
