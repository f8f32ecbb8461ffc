export { runCli, type RunCliOptions } from "./run_cli.ts";
