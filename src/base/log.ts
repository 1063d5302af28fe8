/** The Log port: a level, an event name and fields. Rooms get one passed in; only the CLI decides where lines go. */

export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** `event` is a stable kebab-case name. Fields must never hold a secret: no token, no header value, no exec plugin's output on stdout. */
export type Log = (level: LogLevel, event: string, fields?: LogFields) => void;

/** Drops everything. */
export const silentLog: Log = () => {};
