import { formatBytes } from "../../core/values/bytes.ts";
import { EXIT_CODES } from "../../core/values/exit_codes.ts";
import type { CommandBody } from "../command.ts";
import { connect } from "../connect.ts";
import { CommandFailure } from "../failure.ts";
import { cpuFormatOf, type ProfileFormat } from "../../profile/formats.ts";
import { type Transfer, writeWhole } from "../../profile/whole_file.ts";
import { absolutePath } from "../paths.ts";
import { StopSignals } from "../stop_signals.ts";

const EXTENSIONS = { cpu: "cpuprofile", heap: "heapsnapshot" } as const;
const HEAP: ProfileFormat = {
  ends: [".heapsnapshot"],
  viewer: "load it into Chrome's developer tools (Memory), or open it with VS Code",
};

/** Lets the daemon profile itself and writes the file, whole or not at all. */
export const profile: CommandBody = async (context, [text], options) => {
  const { host, output } = context;
  const { seconds, json } = options;
  const kind = kindOf(text);
  if (kind === "heap" && seconds !== undefined) {
    throw new CommandFailure(EXIT_CODES.usage, "Cannot use --seconds with heap as a snapshot of the heap shows one moment: leave it out");
  }
  const client = await connect(context, options);
  const { name } = await client.status();
  // The daemon must not choose the path of the file.
  const path = absolutePath(
    options.output ?? `${name.replace(/[^\w.@-]/g, "_")}-${stamp(host.clock.wallMs())}.${EXTENSIONS[kind]}`,
    host,
  );
  const { files } = host;
  if (files.info(path)?.kind === "directory") {
    throw new CommandFailure(EXIT_CODES.usage, `Cannot write ${path} as it is a folder: name a file in it`);
  }

  using stop = new StopSignals(host);
  const interrupted = new AbortController();
  using _interrupt = stop.onStop(() => interrupted.abort());
  const what = kind === "cpu" ? `recording where ${name} spends its time` : `taking a snapshot of the heap of ${name}`;
  const { convert, viewer } = kind === "cpu" ? cpuFormatOf(path) : HEAP;
  let bytes: number;
  const transfer = (onPiece: (piece: Uint8Array) => void) => client.profile(kind, seconds, { onPiece, signal: interrupted.signal });
  try {
    bytes = await output.waitFor(what, writeWhole(files, path, convert === undefined ? transfer : converted(transfer, convert, name)));
  } catch (error) {
    if (stop.exitCode !== undefined) return stop.exitCode;
    throw error;
  }
  if (json) output.printJson({ v: 1, kind, path, bytes });
  else {
    output.print(`wrote ${path} (${formatBytes(bytes)})`);
    output.print(`next: ${viewer}`);
    if (kind === "heap") output.print("it holds all that the daemon had in memory, secrets too");
  }
  return EXIT_CODES.ok;
};

function kindOf(text: string): keyof typeof EXTENSIONS {
  if (text === "cpu" || text === "heap") return text;
  throw new CommandFailure(EXIT_CODES.usage, `Cannot take a profile as its kind must be cpu or heap: current value is ${text}`);
}

/** Converts the profile that is transferred; here, as the daemon has other work. */
function converted(transfer: Transfer, convert: NonNullable<ProfileFormat["convert"]>, name: string): Transfer {
  return async (onPiece) => {
    const decoder = new TextDecoder();
    let text = "";
    await transfer((piece) => void (text += decoder.decode(piece, { stream: true })));
    onPiece(await convert(text, `${name}: where its time goes`));
  };
}

/** 20260131-235959, in UTC. */
function stamp(wallMs: number): string {
  return new Date(wallMs).toISOString().slice(0, 19).replace(/[-:]/g, "").replace("T", "-");
}
