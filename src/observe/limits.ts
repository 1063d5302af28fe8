/** The limits of events and the journal, each with its unit and its reason. */

export const observeLimits = {
  /** Dynamic names whose connections are counted one by one. */
  countedNames: 1024,
  /** Longest name in an event: DNS allows 253 characters, clients send what they like. */
  eventNameLength: 256,
  /** Longest text of a problem in an event, which may quote what a client sent. */
  eventTextLength: 4096,
  /** Removed entries of the status that are kept for readers that have not heard of them; one further behind reads all anew. */
  removedEntries: 1024,
  /** Requests kept for `kt logs -v`. */
  requestEntries: 500,
  /** Kept of a request's method, host and path together. */
  requestTextBytes: 512,
  /** Events kept for `kt logs`, and as many again of single connections. */
  journalEntries: 1000,
} as const;
