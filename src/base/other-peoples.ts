/** Names that are not the cluster's to give, whatever its namespaces are called. Pure. */

/** What names of a place would end with: this machine's own, and where most sites of the web are. A namespace may be called so as well. */
const otherPeoplesEnds = new Set("localhost com net org edu gov mil int arpa io".split(" "));

/** Whether a name ends like those of others. Programs read `123` and `10.1` as addresses (WHATWG URL: a host that ends in a number). */
export function isOtherPeoples(name: string): boolean {
  const end = name.slice(name.lastIndexOf(".") + 1);
  return otherPeoplesEnds.has(end) || /^[0-9]+$/.test(end);
}
