import { IoError } from "../../core/values/errors.ts";
import { EXIT_CODES } from "../../core/values/exit_codes.ts";
import { isDaemonName } from "../../settings/leaves.ts";
import type { CommandBody } from "../command.ts";
import { CommandFailure } from "../failure.ts";
import { fileOf } from "../load_for_command.ts";
import { absolutePath, CONFIG_FILES } from "../paths.ts";

/** Writes a small daemon.toml that runs as it stands; what is there already is never replaced. */
// deno-lint-ignore require-await -- what it throws is to be a rejection
export const init: CommandBody = async ({ host, output, program }, args, options) => {
  const { files } = host;
  const shown = fileOf(args, options) ?? CONFIG_FILES[0];
  const path = absolutePath(shown, host);
  if (path.endsWith(".json")) {
    throw new CommandFailure(EXIT_CODES.usage, `Cannot write ${path} as the file will be TOML: name one that ends in .toml`);
  }
  if (files.info(path) !== undefined) {
    throw new IoError("IO_EXISTS", `Cannot write ${path} as it is there already: name another file, or remove it first`, {
      context: { path },
    });
  }
  // A configuration is for others to read too, unlike what a daemon keeps for itself.
  files.writeText(path, starter(nameFor(path), program), { mode: 0o644 });
  if (options.json) output.printJson({ v: 1, path });
  else {
    const file = shown === CONFIG_FILES[0] ? "" : ` ${shown}`;
    output.print(`wrote ${path}`);
    output.print(`next: \`${program} run${file}\` runs it, \`${program} validate${file}\` checks it after changes`);
  }
  return EXIT_CODES.ok;
};

/** The file's own name, or for a daemon.toml that of its folder, as far as a daemon may have that name. */
function nameFor(path: string): string {
  const parts = path.split("/");
  const file = parts.at(-1)!.replace(/\.[^.]*$/, "");
  const name = (file === "daemon" ? parts.at(-2)! : file).replace(/[^A-Za-z0-9_-]+/g, "-").replace(/^[-_]+|-+$/g, "").slice(0, 63);
  return isDaemonName(name) ? name : "my-daemon";
}

function starter(name: string, program: string): string {
  return `#:schema ./daemon.schema.json
# Editors complete and check this file by the line above, once \`${program} schema > daemon.schema.json\` was run.
name = "${name}"

# A service is a program that is kept up. A text is a shell line; a list is a program and its arguments, without a shell.
[service.hello]
run = "echo ready; while sleep 5; do echo still here; done"
ready = { log = "^ready" } # what comes after it waits for this line

# Starts when hello is ready, and stops before it.
# [service.web]
# run = ["node", "server.js"]
# after = ["hello"]
# env = { PORT = "8080" }
# ready = { http = "http://127.0.0.1:8080/health" }
# restart = { policy = "on-failure", delay = "1s", max_restarts = 5 }
# stop = { signal = "SIGTERM", timeout = "10s" }

# Ctrl+C and SIGTERM stop everything within this time; what is left then is told again, and killed at last.
[shutdown]
timeout = "10s"
`;
}
