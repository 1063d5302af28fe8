/** The `server` of a kubeconfig's cluster as kubectl reads it: a URL, or a host with or without a port, which is plain HTTP. */

/** With a path it may as well be a slip in the scheme, such as "https:/host". */
const hostAndPort = /^(?:\[[0-9a-f:.]+\]|[^\s/:]+)(?::\d+)?$/i;
const beforeHost = /^([a-z][a-z0-9+.-]*):\/\/(?=[^/])/i;

/** Whether it names a host. */
export function isServerUrl(server: string): boolean {
  return beforeHost.test(server) && URL.canParse(server);
}

/** Without a slash at the end, and without what an API server's address does not use. What is not an address is returned unchanged. */
export function serverUrl(written: string): string {
  const trimmed = written.trim();
  const scheme = beforeHost.exec(trimmed);
  const rest = scheme ? trimmed.slice(scheme[0].length) : trimmed;
  const address = withoutSlashes(rest.replace(/[?#].*$/s, ""));
  if (scheme) return `${scheme[1]?.toLowerCase()}://${address}`;
  return hostAndPort.test(address) ? `http://${address}` : written;
}

function withoutSlashes(address: string): string {
  let end = address.length;
  while (address[end - 1] === "/") end -= 1;
  return address.slice(0, end);
}
