/** Version of daemonkit; a test keeps it equal to deno.json and package.json. */
export const VERSION = "0.1.0";

/** Version of what client and daemon say to each other; `status` and `stop` never change. */
export const PROTOCOL = 1;
