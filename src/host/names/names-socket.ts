/** Where a user's helper for names listens once `kt setup names` has been run. */

export const namesSocket = (uid: number): string => `/run/kt-names-${uid}.sock`;
