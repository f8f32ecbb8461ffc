import { main } from "./src/cli/main.ts";
import { getHost } from "./src/platform/mod.ts";

const host = await getHost();
// Every write was synchronous, so nothing is lost; an idle connection to a daemon must not delay the end.
host.process.exit(await main(host.process.args, { host, library: () => import("./mod.ts") }));
